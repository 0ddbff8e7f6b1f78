<?php
// Handlers that applications write around PHP's own: ?class= chooses one, ?do= says what the user does.
declare(strict_types=1);

set_error_handler(function (int $level, string $message): never {
    throw new ErrorException($message, 0, $level);
});

/** Subclass that changes what is stored, the manual's own example. */
class Encoded extends SessionHandler
{
    public function read(string $id): string|false
    {
        $data = parent::read($id);
        return $data === false ? false : base64_decode($data);
    }

    public function write(string $id, string $data): bool
    {
        return parent::write($id, base64_encode($data));
    }
}

/** The same with the interface that strict mode and lazy writes ask. */
class Timestamped extends Encoded implements SessionUpdateTimestampHandlerInterface
{
    public function validateId(string $id): bool
    {
        return $this->read($id) !== '';
    }

    public function updateTimestamp(string $id, string $data): bool
    {
        return $this->write($id, $data);
    }
}

/** A handler of its own that forwards to PHP's. */
class Wrapper implements SessionHandlerInterface
{
    public function __construct(private SessionHandler $inner = new SessionHandler())
    {
    }

    public function open(string $path, string $name): bool
    {
        return $this->inner->open($path, $name);
    }

    public function close(): bool
    {
        return $this->inner->close();
    }

    public function read(string $id): string|false
    {
        return $this->inner->read($id);
    }

    public function write(string $id, string $data): bool
    {
        return $this->inner->write($id, $data);
    }

    public function destroy(string $id): bool
    {
        return $this->inner->destroy($id);
    }

    public function gc(int $lifetime): int|false
    {
        return $this->inner->gc($lifetime);
    }
}

try {
    $class = ['encoded' => Encoded::class, 'timestamped' => Timestamped::class, 'wrapper' => Wrapper::class];
    session_set_save_handler(new $class[$_GET['class']]());
    if (!session_start()) {
        throw new RuntimeException('session_start() returned false');
    }
    switch ($_GET['do'] ?? '') {
        case 'count':
            $counter = ($_SESSION['counter'] ?? 0) + 1;
            usleep(1000 * (int) ($_GET['work'] ?? 0));
            $_SESSION['counter'] = $counter;
            break;
        case 'regenerate':
            session_regenerate_id(true);
            break;
        case 'logout':
            session_destroy();
            break;
        default: // only looks
    }
    $counter = $_SESSION['counter'] ?? 0;
    session_write_close();
    $answer = 'web: ' . getenv('FARM_WEB') . "\ncounter: $counter\n";
} catch (Throwable $failure) {
    try {
        session_abort();
    } catch (Throwable) {
        // Nothing is open any more.
    }
    http_response_code(500);
    $reason = preg_replace('/auth=[^&\s)]*/', 'auth=...', $failure->getMessage());
    $answer = 'failed: ' . get_class($failure) . ': ' . strtr($reason, "\n", ' ') . "\n";
}
header('Content-Type: text/plain; charset=utf-8');
header('Content-Length: ' . strlen($answer));
echo $answer;
