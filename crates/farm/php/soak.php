<?php
// Request number ?n of a worker that serves very many: all ways to use a session, with both handlers of
// guarda.so in turn (phpredis must not be loaded). A warning ends up in the log, where the test sees it.
declare(strict_types=1);

$n = (int) $_GET['n'];
ini_set('session.save_handler', ['guarda', 'redis'][intdiv($n, 8) % 2]);
ini_set('session.use_strict_mode', (string) (intdiv($n, 16) % 2));
ini_set('redis.session.locking_enabled', (string) (intdiv($n, 32) % 2));
session_id('soak' . $n % 97);
if ($n % 8 === 1) {
    session_start(['read_and_close' => true]);
} else {
    session_start();
}
switch ($n % 8) {
    case 2:
        session_regenerate_id(true);
        break;
    case 3:
        $_SESSION['text'] = str_repeat('x', $n % 5000);
        session_write_close();
        session_start();
        break;
    case 4:
        session_destroy();
        break;
    case 5:
        $_SESSION['lost'] = $n;
        session_reset();
        break;
    case 6:
        session_abort();
        break;
    default:
        $_SESSION['n'] = $n;
}
echo 'ok';
