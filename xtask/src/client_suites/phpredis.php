<?php
// Runs phpredis's own tests, each whatever became of the one before it, and reports a line for each.
//
// usage: phpredis.php DIRECTORY HOST PORT [TEST THAT IS NOT RUN ...]

// The tests are older than some of what PHP 8.2 calls deprecated.
error_reporting(E_ALL & ~E_DEPRECATED);
define('PHPREDIS_TESTRUN', true);

[, $directory, $host, $port] = $argv;
$skipped = array_slice($argv, 4);
$report = fopen(getenv('SUITE_REPORT'), 'w');
// The tests look for their scripts beside the program.
$_SERVER['PHP_SELF'] = "$directory/TestRedis.php";
require_once "$directory/TestSuite.php";
require_once "$directory/RedisTest.php";

foreach ((new ReflectionClass('Redis_Test'))->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
    $name = $method->name;
    if (strpos($name, 'test') !== 0 || in_array($name, $skipped, true)) {
        continue;
    }
    // A test that failed may have left anything behind.
    $clean = new Redis();
    $clean->connect($host, (int)$port);
    $clean->flushAll();
    // What draws a key at random wants one.
    $clean->set('left by the test before', '');
    $clean->close();
    Redis_Test::$errors = [];
    $outcome = 'passed';
    $thrown = '';
    try {
        $test = new Redis_Test($host, (int)$port, null);
        $test->setUp();
        $test->$name();
        if (Redis_Test::$errors !== []) {
            $outcome = 'failed';
        }
    } catch (TestSkippedException $exception) {
        $outcome = 'skipped';
    } catch (Throwable $throwable) {
        $outcome = 'failed';
        $thrown = get_class($throwable) . ': ' . $throwable->getMessage() . ' at line ' . $throwable->getLine();
    }
    $complaint = preg_replace('/\s+/', ' ', implode(' ', Redis_Test::$errors) . $thrown);
    fwrite($report, "$outcome\t$name\t$complaint\n");
}
fwrite($report, "end\n");
