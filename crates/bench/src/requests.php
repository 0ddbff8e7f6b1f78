<?php
// Run by `php`: one PHP worker that does nothing but sessions. Arguments: requests of the warm-up, measured
// requests. Says "ready", waits for a line, then prints "<wall ns> <own CPU us>".
declare(strict_types=1);

ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
set_error_handler(function (int $level, string $message): never {
    // PHP's own messages quote session.save_path.
    fwrite(STDERR, 'request failed: ' . preg_replace('/\(path: .*\)/', '', $message) . "\n");
    exit(1);
});

function requests(int $count): void
{
    for ($request = 0; $request < $count; $request++) {
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        session_write_close();
    }
}

function cpu_us(): int
{
    $used = getrusage();
    return 1_000_000 * ($used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'])
        + $used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec'];
}

[$warm_up, $measured] = [(int) $argv[1], (int) $argv[2]];
session_id(bin2hex(random_bytes(16)));
requests($warm_up);
fwrite(STDOUT, "ready\n");
fgets(STDIN);
[$wall, $cpu] = [hrtime(true), cpu_us()];
requests($measured);
[$wall, $cpu] = [hrtime(true) - $wall, cpu_us() - $cpu];
session_start();
if ($_SESSION['n'] !== $warm_up + $measured) {
    trigger_error("{$_SESSION['n']} of " . ($warm_up + $measured) . ' requests were counted');
}
session_write_close();
fwrite(STDOUT, "$wall $cpu\n");
