//! A worker of php-fpm that serves one request after the other obeys the settings that each of them has.

use std::fs;

use guarda_farm::{FarmOptions, Handler, Site};

use crate::{start, with_extension};

/// Opens a session, changes an entry if it is told to, opens another; says each time what the entry
/// is and how the session was opened.
const SCRIPT: &str = "<?php
function open(string $entry): string {
    session_start();
    $session = guarda_session_info();
    session_write_close();
    $how = $session['locked'] ? 'locked' : ($session['readonly'] ? 'reads' : 'free');
    return ini_get($entry) . \" $how\";
}
$said = open($_GET['entry']);
if (isset($_GET['then'])) {
    ini_set($_GET['entry'], $_GET['then']);
    $said .= ', ' . open($_GET['entry']);
}
echo $said;
";

#[test]
fn a_worker_obeys_the_settings_of_each_request() {
    for (handler, entry, values) in [
        (
            Handler::Guarda,
            "guarda.mode",
            [("lock", "locked"), ("unlocked", "free"), ("readonly", "reads")],
        ),
        (
            Handler::GuardaAsRedis,
            "redis.session.locking_enabled",
            [("1", "locked"), ("0", "free"), ("0", "free")],
        ),
    ] {
        let mut site = Site::new(handler);
        site.ini.push((entry.to_owned(), values[0].0.to_owned()));
        let options = with_extension(&site);
        let farm = start(FarmOptions { sites: vec![site], workers: 1, ..options });
        let page = |directory: &str| {
            let place = farm.directory().join(directory);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("page.php"), SCRIPT).unwrap();
            place.join("page.php")
        };
        let (plain, special) = (page("plain"), page("special"));
        let line = |value: &str| format!("{entry}={value}");
        fs::write(special.with_file_name(".user.ini"), line(values[2].0) + "\n").unwrap();
        let mut worker = farm.fastcgi("web1").unwrap();
        let mut ask = |page, then: &str, parameters: &[(&str, &str)]| {
            let query = format!("entry={entry}{then}");
            // Above it nobody looks for a .user.ini.
            let root = farm.directory().to_str().unwrap();
            let own = [("QUERY_STRING", query.as_str()), ("DOCUMENT_ROOT", root)];
            worker.get(page, &[&own, parameters].concat()).unwrap().body
        };
        let [first, second, third] = values.map(|(value, how)| format!("{value} {how}"));
        let [one, two, _] = values.map(|(value, _)| value);
        for _ in 0..2 {
            assert_eq!(ask(&plain, "", &[]), first, "php.ini");
            assert_eq!(ask(&plain, "", &[("PHP_VALUE", &line(two))]), second, "the web server");
            // What the web server has set stays set in this worker: php-fpm's own way.
            assert_eq!(ask(&plain, "", &[]), second, "still");
            assert_eq!(ask(&plain, "", &[("PHP_VALUE", &line(one))]), first, "set anew");
            assert_eq!(ask(&special, "", &[]), third, ".user.ini");
            assert_eq!(ask(&plain, "", &[]), first, "of another directory");
            let both = format!("{first}, {second}");
            assert_eq!(ask(&plain, &format!("&then={two}"), &[]), both, "ini_set");
            assert_eq!(ask(&plain, "", &[]), first, "of another script");
        }
        assert_eq!(ask(&plain, "", &[("PHP_ADMIN_VALUE", &line(two))]), second, "for good");
        assert_eq!(ask(&plain, &format!("&then={one}"), &[]), format!("{second}, {second}"));
    }
}
