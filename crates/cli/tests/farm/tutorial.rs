//! The tutorial's steps, one by one, on this distribution's names: with Guarda in Redis's place, with
//! guarda.so in phpredis's, and with both.

use std::process::{Command, Output};

use guarda_farm::{Farm, FarmOptions, Handler, Site, WEBS, find_program};

use crate::{on_redis, options, start, with_extension};

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `php -m | grep <module>`
fn has_module(farm: &Farm, web: &str, module: &str) -> bool {
    text(&farm.php(web, &["-m"]).expect("php runs")).lines().any(|line| line == module)
}

/// `php -i | grep session.save`
fn session_settings(farm: &Farm, web: &str) -> Vec<String> {
    let all = text(&farm.php(web, &["-i"]).expect("php runs"));
    all.lines().filter(|line| line.contains("session.save")).map(str::to_owned).collect()
}

/// The line of README.pt-BR.md that people copy, with this farm's port and password.
fn documented_save_path(port: &str, password: &str) -> String {
    let readme = include_str!("../../../../README.pt-BR.md");
    let line = readme.lines().find_map(|line| line.strip_prefix("session.save_path = \""));
    let path = line.expect("README.pt-BR.md shows a save_path").trim_end_matches('"');
    path.replace("6379", port).replace("uma-senha-longa-e-aleatoria", password)
}

/// The tutorial from "Teste o acesso via command line" on.
fn follow(options: FarmOptions, handler: Handler) {
    let farm = start(options);
    let name = handler.ini_name();
    let port = farm.store_port().to_string();
    let password = farm.password().reveal();
    for web in WEBS {
        let module = if handler == Handler::Phpredis { "redis" } else { "guarda" };
        assert!(has_module(&farm, web, module), "{web} has no module {module}");
        assert_eq!(has_module(&farm, web, "redis"), handler != Handler::GuardaAsRedis);
        let path = documented_save_path(&port, password);
        let told = farm.php(web, &["-r", "echo ini_get('session.save_path');"]);
        assert_eq!(text(&told.expect("php runs")), path);
        let settings = session_settings(&farm, web);
        let line = format!("session.save_handler => {name} => {name}");
        assert!(settings.contains(&line), "{web}: no `{line}`");
        let shown = settings.iter().find(|line| line.starts_with("session.save_path => "));
        let shown = shown.expect("a save_path");
        assert!(shown.starts_with(&format!("session.save_path => tcp://127.0.0.1:{port}?")));
        // guarda.so blots the password out of phpinfo(), PHP's own lines included.
        assert_eq!(shown.contains(password), module == "redis", "{web}");
    }
    redis_cli_asks_for_the_password(&port, password);
    scan_shows_the_session(&farm);
}

/// `redis-cli -h 127.0.0.1 -p 6379 -a sua_senha_segura`
fn redis_cli_asks_for_the_password(port: &str, password: &str) {
    let redis_cli = |arguments: &[&str]| {
        let program = find_program(&["redis-cli"]).expect("redis-cli is installed");
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", port]).args(arguments).env_remove("REDISCLI_AUTH");
        command.output().expect("redis-cli runs")
    };
    assert_eq!(text(&redis_cli(&["-a", password, "ping"])), "PONG\n");
    assert!(text(&redis_cli(&["ping"])).starts_with("NOAUTH "));
    let wrong = redis_cli(&["-a", "wrong", "ping"]);
    let complaints = String::from_utf8_lossy(&wrong.stderr);
    assert!(complaints.contains("AUTH failed: WRONGPASS"), "{complaints}");
}

/// `SCAN 0`, after a visit
fn scan_shows_the_session(farm: &Farm) {
    let ask = |command: &[&str]| text(&farm.redis_cli(command).expect("redis-cli runs"));
    let mut browser = farm.browser();
    browser.get("/").expect("an answer");
    let id = browser.cookie("PHPSESSID").expect("a session cookie");
    let key = format!("phpSession_{id}");
    assert_eq!(ask(&["scan", "0"]), format!("0\n{key}\n"));
    assert_eq!(ask(&["get", &key]), "counter|i:1;\n");
    let ttl: u32 = ask(&["ttl", &key]).trim().parse().expect("seconds");
    assert!((1400..=1440).contains(&ttl), "session.gc_maxlifetime is 1440 s, the key has {ttl} s");
}

#[test]
fn before_the_edit_sessions_are_in_files() {
    let farm = start(options().both(&Site::new(Handler::Files)));
    for web in WEBS {
        assert!(has_module(&farm, web, "redis"));
        let settings = session_settings(&farm, web);
        assert!(settings.contains(&"session.save_handler => files => files".to_owned()));
    }
}

#[test]
fn the_steps_work_with_guarda_in_the_place_of_redis() {
    follow(options(), Handler::Phpredis);
}

#[test]
fn the_steps_work_with_guarda_so_in_the_place_of_phpredis() {
    for handler in [Handler::Guarda, Handler::GuardaAsRedis] {
        follow(on_redis(&Site::new(handler)), handler);
    }
}

#[test]
fn the_steps_work_with_both() {
    for handler in [Handler::Guarda, Handler::GuardaAsRedis] {
        follow(with_extension(&Site::new(handler)), handler);
    }
}

#[test]
fn a_php_ini_edited_and_a_restart_of_php_fpm_move_a_site() {
    let mut farm = start(with_extension(&Site::new(Handler::Files)));
    let mut browser = farm.browser();
    browser.get("/").expect("an answer");
    assert_eq!(text(&farm.redis_cli(&["dbsize"]).unwrap()), "0\n");
    for web in WEBS {
        farm.reconfigure(web, &Site::new(Handler::Guarda)).expect("php-fpm reloads");
    }
    let mut browser = farm.browser();
    for counter in 1..=4 {
        assert_eq!(browser.get("/").expect("an answer").number("counter").unwrap(), counter);
    }
    assert_eq!(text(&farm.redis_cli(&["dbsize"]).unwrap()), "1\n");
}
