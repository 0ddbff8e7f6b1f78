<?php
// The application of the tests. It answers 200 only when PHP said, without one warning, that the session
// is stored: that answer is what the tests call an acknowledgement.
//
//   ?mark=x       counts, and appends the mark to the session's list of updates
//   ?list         reads only, and lists the marks
//   ?work=ms      time between reading the session and writing it
//   ?stop=held    waits for ever with the session open, after telling its process id (in notes/<mark>)
//   ?stop=stored  the same with the session stored and not yet answered
//   ?stop=gated   as held, until there is a file notes/<mark>.go; then goes on
declare(strict_types=1);

set_error_handler(function (int $level, string $message): never {
    throw new ErrorException($message, 0, $level);
});

// Every byte value, so that a session that is cut or recoded on its way does not go unnoticed.
define('PAYLOAD', str_repeat(implode('', array_map('chr', range(0, 255))), 4));

/** Tells the test which process stands here; the path of its note. */
function tell(string $mark): string
{
    $note = getenv('FARM_NOTES') . '/' . basename($mark);
    file_put_contents("$note.new", (string) getmypid());
    rename("$note.new", $note);
    return $note;
}

/** Waits to be killed. */
function stand_still(string $mark): void
{
    tell($mark);
    sleep(60);
}

function wait_at_gate(string $mark): void
{
    $gate = tell($mark) . '.go';
    for ($looks = 0; !file_exists($gate); $looks++) {
        if ($looks > 60_000) {
            throw new RuntimeException('nobody opened the gate');
        }
        usleep(1000);
        clearstatcache();
    }
}

/** @return array{counter: int, marks: list<string>, payload: string} */
function stored(): array
{
    $session = $_SESSION + ['counter' => 0, 'marks' => [], 'payload' => PAYLOAD];
    if ($session['payload'] !== PAYLOAD) {
        throw new RuntimeException('the payload came back damaged');
    }
    if ($session['counter'] !== count($session['marks'])) {
        throw new RuntimeException('counter and marks differ');
    }
    return $session;
}

try {
    $mark = $_GET['mark'] ?? '';
    $reading = isset($_GET['list']);
    if (!session_start()) {
        throw new RuntimeException('session_start() returned false');
    }
    $session = stored();
    if (!$reading) {
        usleep(1000 * (int) ($_GET['work'] ?? 0));
        $session['counter']++;
        $session['marks'][] = $mark;
        $_SESSION = $session;
    }
    if (($_GET['stop'] ?? '') === 'held') {
        stand_still($mark);
    }
    if (($_GET['stop'] ?? '') === 'gated') {
        wait_at_gate($mark);
    }
    if (!session_write_close()) {
        throw new RuntimeException('session_write_close() returned false');
    }
    if (($_GET['stop'] ?? '') === 'stored') {
        stand_still($mark);
    }
    $answer = 'web: ' . getenv('FARM_WEB') . "\ncounter: {$session['counter']}\n";
    $answer .= $reading ? 'marks: ' . implode(',', $session['marks']) . "\n" : '';
} catch (Throwable $failure) {
    try {
        session_abort(); // or PHP would try to store it once more at the end of the script
    } catch (Throwable) {
        // The lock, if there is one, ends by its own time.
    }
    http_response_code(500);
    // PHP's own messages quote session.save_path, and the password in it.
    $reason = preg_replace('/auth=[^&\s)]*/', 'auth=...', $failure->getMessage());
    $answer = 'failed: ' . get_class($failure) . ': ' . strtr($reason, "\n", ' ') . "\n";
}
header('Content-Type: text/plain; charset=utf-8');
header('Content-Length: ' . strlen($answer));
echo $answer;
