<?php
// PHPUnit's bootstrap for a client's tests: the suite's own, and a report with a line for each test.

use PHPUnit\Runner\AfterLastTestHook;
use PHPUnit\Runner\AfterSkippedTestHook;
use PHPUnit\Runner\AfterSuccessfulTestHook;
use PHPUnit\Runner\AfterTestErrorHook;
use PHPUnit\Runner\AfterTestFailureHook;
use PHPUnit\Runner\AfterTestWarningHook;

require_once getenv('SUITE_BOOTSTRAP');

// PHP 8.2 calls some of what the tests use deprecated, and so do their frameworks.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);

final class SuiteReport implements
    AfterLastTestHook,
    AfterSkippedTestHook,
    AfterSuccessfulTestHook,
    AfterTestErrorHook,
    AfterTestFailureHook,
    AfterTestWarningHook
{
    public function executeAfterSuccessfulTest(string $test, float $time): void
    {
        $this->line('passed', $test, '');
    }

    public function executeAfterSkippedTest(string $test, string $message, float $time): void
    {
        $this->line('skipped', $test, $message);
    }

    public function executeAfterTestFailure(string $test, string $message, float $time): void
    {
        $this->line('failed', $test, $message);
    }

    public function executeAfterTestError(string $test, string $message, float $time): void
    {
        $this->line('failed', $test, $message);
    }

    public function executeAfterTestWarning(string $test, string $message, float $time): void
    {
        $this->line('failed', $test, $message);
    }

    public function executeAfterLastTest(): void
    {
        file_put_contents(getenv('SUITE_REPORT'), "end\n", FILE_APPEND);
    }

    private function line(string $outcome, string $test, string $message): void
    {
        // A data set goes by its name alone: its values may hold the time.
        $test = preg_replace('/( with data set (?:"[^"]*"|#\d+)) \(.*$/s', '$1', $test);
        $line = preg_replace('/\s+/', ' ', $test) . "\t" . preg_replace('/\s+/', ' ', $message);
        file_put_contents(getenv('SUITE_REPORT'), "$outcome\t$line\n", FILE_APPEND);
    }
}
