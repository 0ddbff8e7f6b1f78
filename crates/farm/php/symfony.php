<?php
// Symfony's own session layer on top of PHP's, as its FrameworkBundle wires it by default: the storage
// wraps whatever session.save_handler says. ?do= says what a request of a user does.
declare(strict_types=1);

require 'Symfony/Component/HttpFoundation/autoload.php';

use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;

set_error_handler(function (int $level, string $message): bool {
    if (!(error_reporting() & $level) || $level === E_DEPRECATED || $level === E_USER_DEPRECATED) {
        return true; // an older Symfony on a newer PHP
    }
    throw new ErrorException($message, 0, $level);
});

try {
    $session = new Session(new NativeSessionStorage());
    $session->start();
    switch ($_GET['do'] ?? '') {
        case 'login':
            $session->migrate(true); // what the firewall does against session fixation
            $session->set('user', $_GET['name']);
            $session->getFlashBag()->add('notice', 'welcome');
            break;
        case 'count':
            $counter = $session->get('counter', 0) + 1;
            usleep(1000 * (int) ($_GET['work'] ?? 0));
            $session->set('counter', $counter);
            break;
        case 'logout':
            $session->invalidate();
            break;
        default: // only looks
    }
    $answer = sprintf(
        "web: %s\nuser: %s\ncounter: %d\nflash: %s\n",
        getenv('FARM_WEB'),
        $session->get('user', ''),
        $session->get('counter', 0),
        ($_GET['do'] ?? '') === 'login' ? '' : implode(',', $session->getFlashBag()->get('notice')),
    );
    $session->save();
} catch (Throwable $failure) {
    http_response_code(500);
    $reason = preg_replace('/auth=[^&\s)]*/', 'auth=...', $failure->getMessage());
    $answer = 'failed: ' . get_class($failure) . ': ' . strtr($reason, "\n", ' ') . "\n";
}
header('Content-Type: text/plain; charset=utf-8');
echo $answer;
