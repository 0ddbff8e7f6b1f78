<?php
// Finds classes below the directories that SUITE_ROOTS names, and in the distribution's packages.

set_include_path(getenv('SUITE_ROOTS') . PATH_SEPARATOR . get_include_path());
spl_autoload_register(static function (string $class): void {
    $file = stream_resolve_include_path(strtr($class, '\\', '/') . '.php');
    if ($file !== false) {
        require_once $file;
    }
});
foreach (array_filter(explode(' ', getenv('SUITE_LOADED'))) as $file) {
    require_once $file;
}
