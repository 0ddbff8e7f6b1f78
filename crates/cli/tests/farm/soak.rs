//! A worker of php-fpm serves very many requests, and does not grow.

use guarda_farm::{FarmOptions, Handler, Site, resident_kib};

use crate::{by_length, start, with_extension};

/// By then every way has been taken many times, and the allocators have what they need.
const WARM: usize = 10_000;
/// How much more memory the worker may have in the end.
const GROWTH_KIB_MAX: u64 = 512;

#[test]
fn a_worker_that_serves_very_many_requests_does_not_grow() {
    let site = Site::new(Handler::GuardaAsRedis);
    let farm =
        start(FarmOptions { sites: vec![site.clone()], workers: 1, ..with_extension(&site) });
    let [worker] = farm.php_workers().unwrap()[..] else { panic!("one worker") };
    let page = farm.page("soak.php");
    let mut connection = farm.fastcgi("web1").unwrap();
    let mut warm_kib = 0;
    for n in 0..by_length(50_000, 1_000_000) {
        if n == WARM {
            warm_kib = resident_kib(worker).unwrap();
        }
        let answer = connection.get(&page, &[("QUERY_STRING", &format!("n={n}"))]).unwrap();
        assert_eq!(answer.body, "ok", "request {n}: {}", answer.errors);
        // The farm's save_path is the tutorial's: that is explained once, and nothing else is said.
        let explained = answer.errors.lines().all(|line| line.contains("is not a parameter"));
        assert!(explained, "request {n}: {}", answer.errors);
    }
    let end_kib = resident_kib(worker).expect("the same worker to the end");
    println!("resident: {warm_kib} KiB after {WARM} requests, {end_kib} KiB at the end");
    assert!(end_kib < warm_kib + GROWTH_KIB_MAX, "grew from {warm_kib} to {end_kib} KiB");
}
