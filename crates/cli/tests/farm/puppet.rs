//! PHP processes that do what they are told with a session, one step at a time, so that a test plays
//! an interleaving out instead of hoping for it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use guarda_farm::Farm;

/// Reads a line per step, answers a line: the function's result, or the warning.
const SCRIPT: &str = r#"
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
set_error_handler(function (int $level, string $message): never {
    throw new ErrorException($message, 0, $level);
});
// A whole request: an application that finds nobody logged in stores nothing.
function visit(int $work): bool {
    if (!isset($_SESSION['user'])) {
        return session_abort();
    }
    usleep($work);
    $_SESSION['user'] .= '+';
    return session_write_close();
}
while (($line = fgets(STDIN)) !== false) {
    [$step, $argument] = explode(' ', rtrim($line), 2) + [1 => ''];
    try {
        if (in_array($step, ['start', 'visit', 'leave'])) {
            session_id(strtok($argument, ' '));
        }
        $result = match ($step) {
            'start' => session_start(),
            'set' => ($_SESSION['user'] = $argument) === $argument,
            'get' => $_SESSION['user'] ?? 'nobody',
            'write' => session_write_close(),
            'abort' => session_abort(),
            'destroy' => session_destroy(),
            'visit' => session_start() && visit((int) strtok(' ')),
            'leave' => session_start() && session_destroy(),
            'regenerate' => session_regenerate_id(true) ? session_id() : false,
        };
        $answer = is_string($result) ? $result : ($result ? 'yes' : 'no');
    } catch (Throwable $failure) {
        $answer = 'failed: ' . $failure->getMessage();
    }
    fwrite(STDOUT, strtr($answer, "\n", ' ') . "\n");
}
"#;

/// A PHP process.
pub(crate) struct Puppet {
    process: Child,
    steps: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Puppet {
    /// Starts PHP's command line with the configuration of the web server `web`.
    pub(crate) fn start(farm: &Farm, web: &str) -> Self {
        let mut php = farm.php_command(web).expect("php is installed");
        php.args(["-r", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = php.spawn().expect("php runs");
        let steps = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, steps, answers }
    }

    /// Tells it a step without waiting for its end.
    pub(crate) fn begin(&mut self, step: &str) {
        writeln!(self.steps, "{step}").expect("php listens");
    }

    /// What the step that was begun came to.
    pub(crate) fn end(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("php answers");
        assert!(answer.ends_with('\n'), "php ended in the middle of a step");
        answer.trim_end().to_owned()
    }

    /// A whole step.
    pub(crate) fn does(&mut self, step: &str) -> String {
        self.begin(step);
        self.end()
    }

    /// A step that must succeed.
    pub(crate) fn must(&mut self, step: &str) {
        let answer = self.does(step);
        assert_eq!(answer, "yes", "{}", step.split(' ').next().unwrap_or_default());
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
