<?php
// The application of the demo: a counter in the session, as any PHP application would keep it.
// ?work=ms is how long the request takes between reading the session and storing it.
declare(strict_types=1);

if (!session_start()) {
    http_response_code(503);
    exit("no session\n");
}
$counter = ($_SESSION['counter'] ?? 0) + 1;
usleep(1000 * (int) ($_GET['work'] ?? 0));
$_SESSION['counter'] = $counter;
session_write_close(); // only what has been stored is shown

$web = getenv('FARM_WEB');
header("X-Backend: $web");
if (str_contains($_SERVER['HTTP_ACCEPT'] ?? '', 'text/html')) {
    header('Content-Type: text/html; charset=utf-8');
    echo "<!doctype html><title>Guarda demo</title><h1>{$_SESSION['counter']}</h1>",
        "<p>Answered by <b>$web</b>, with the session handler <b>", ini_get('session.save_handler'),
        '</b>. Reload: the other web server answers.</p>';
} else {
    header('Content-Type: text/plain; charset=utf-8');
    echo "web: $web\ncounter: {$_SESSION['counter']}\n";
}
