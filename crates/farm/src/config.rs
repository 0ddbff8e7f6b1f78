//! The configuration files of the farm's programs, as text.

use std::fmt::Write as _;
use std::path::Path;

use crate::scratch::Secret;
use crate::site::{Handler, Locking, Site};

/// redis.conf of the store: what the tutorial edits, and a data directory of its own.
pub(crate) fn store_conf(
    port: u16,
    password: &Secret,
    directory: &Path,
    directives: &[(String, String)],
) -> String {
    let mut conf = format!(
        "bind 127.0.0.1\n\
         port {port}\n\
         protected-mode yes\n\
         requirepass {}\n\
         dir \"{}\"\n\
         daemonize no\n\
         appendonly yes\n\
         appendfsync everysec\n",
        password.reveal(),
        directory.display(),
    );
    for (name, value) in directives {
        writeln!(conf, "{name} {value}").expect("writing to a String cannot fail");
    }
    conf
}

/// Where one web server's sessions go.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The port that PHP connects to: the store's, or that of a relay before it.
    pub(crate) port: u16,
    pub(crate) password: &'a Secret,
    /// The web server's own directory for the files handler.
    pub(crate) files: &'a Path,
    /// guarda.so, if there is one.
    pub(crate) extension: Option<&'a Path>,
}

/// The lines at the end of one web server's php.ini, as the tutorial writes them: with Guarda's own
/// handler only the handler's name is another.
///
/// The double quotes matter: without them PHP cuts the value at its first `=` and says nothing.
pub(crate) fn php_ini(site: &Site, place: Place<'_>) -> String {
    let mut ini = String::new();
    if let (true, Some(extension)) = (site.handler.needs_extension(), place.extension) {
        line(&mut ini, "extension", &extension.display().to_string());
    }
    line(&mut ini, "session.save_handler", site.handler.ini_name());
    let path = if site.handler == Handler::Files {
        place.files.display().to_string()
    } else {
        let (port, password) = (place.port, place.password.reveal());
        let adopt = site.adopt.as_deref().map(|old| format!("&adopt={}", url_encoded(old)));
        format!(
            "tcp://127.0.0.1:{port}?auth={password}&timeout=5&persistent=1&weight=1&database=0\
             &prefix=phpSession_&read_timeout=5&name=PHP_REDIS_SESSION{}",
            adopt.unwrap_or_default()
        )
    };
    line(&mut ini, "session.save_path", &format!("\"{path}\""));
    if let Some(Locking { expire_s, retries, wait_us }) = site.locking {
        line(&mut ini, "redis.session.locking_enabled", "1");
        line(&mut ini, "redis.session.lock_expire", &expire_s.to_string());
        line(&mut ini, "redis.session.lock_retries", &retries.to_string());
        line(&mut ini, "redis.session.lock_wait_time", &wait_us.to_string());
    }
    for (name, value) in &site.ini {
        line(&mut ini, name, value);
    }
    ini + "display_errors = 0\nlog_errors = 1\n"
}

fn line(ini: &mut String, name: &str, value: &str) {
    writeln!(ini, "{name} = {value}").expect("writing to a String cannot fail");
}

fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail");
        }
        encoded
    })
}

/// php-fpm's own configuration for the web server `web`, whose files are all in `directory`.
///
/// With `process_control_timeout` a reload lets requests finish; without it they are cut off.
///
/// `user` is set when php-fpm runs as root. Its workers then stay root, and that is why they listen on
/// a Unix socket in a directory nobody else can enter, and never on a port: whoever can speak FastCGI to
/// php-fpm can have it run any file.
pub(crate) fn fpm_conf(
    web: &str,
    directory: &Path,
    notes: &Path,
    workers: u32,
    user: Option<&str>,
) -> String {
    let directory = directory.display();
    let user = user.map(|user| format!("user = {user}\ngroup = {user}\n")).unwrap_or_default();
    format!(
        "[global]\n\
         daemonize = no\n\
         error_log = {directory}/error.log\n\
         process_control_timeout = 60s\n\
         [{web}]\n\
         {user}\
         listen = {directory}/fpm.sock\n\
         listen.mode = 0600\n\
         pm = static\n\
         pm.max_children = {workers}\n\
         catch_workers_output = yes\n\
         clear_env = yes\n\
         env[FARM_WEB] = {web}\n\
         env[FARM_NOTES] = {}\n\
         security.limit_extensions = .php\n",
        notes.display(),
    )
}

/// nginx: round-robin over the web servers, whatever becomes of them.
///
/// `max_fails=0` keeps a back end in turn after a failure, and `fastcgi_next_upstream off` keeps a
/// request that failed from being run a second time behind the client's back: the tests count.
pub(crate) fn nginx_conf(
    port: u16,
    directory: &Path,
    pages: &Path,
    sockets: &[impl AsRef<Path>],
    user: Option<&str>,
) -> String {
    let directory = directory.display();
    let user = user.map(|user| format!("user {user};\n")).unwrap_or_default();
    let servers = sockets.iter().fold(String::new(), |mut servers, socket| {
        writeln!(servers, "        server unix:{} max_fails=0;", socket.as_ref().display())
            .expect("writing to a String cannot fail");
        servers
    });
    format!(
        "{user}daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    fastcgi_temp_path {directory}/fastcgi;
    proxy_temp_path {directory}/proxy;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    upstream webs {{
{servers}    }}
    server {{
        listen 127.0.0.1:{port};
        location = /alive {{ return 204; }}
        location = / {{ rewrite ^ /index.php; }}
        location ~ ^/[a-z]+\\.php$ {{
            fastcgi_pass webs;
            fastcgi_next_upstream off;
            fastcgi_read_timeout 120s;
            fastcgi_param SCRIPT_FILENAME {pages}$uri;
            fastcgi_param SCRIPT_NAME $uri;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param REDIRECT_STATUS 200;
        }}
        location / {{ return 404; }}
    }}
}}
",
        pages = pages.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ini(site: &Site, password: &Secret) -> String {
        let (files, extension) = (Path::new("/srv/web1/sessions"), Path::new("/x/guarda.so"));
        let place = Place { port: 6379, password, files, extension: Some(extension) };
        php_ini(site, place).replace(password.reveal(), "suasenha")
    }

    #[test]
    fn the_save_path_is_the_tutorials() {
        let password = Secret::generate().unwrap();
        let expected = "session.save_path = \"tcp://127.0.0.1:6379?auth=suasenha&timeout=5\
             &persistent=1&weight=1&database=0&prefix=phpSession_&read_timeout=5\
             &name=PHP_REDIS_SESSION\"\n";
        for handler in [Handler::Phpredis, Handler::Guarda, Handler::GuardaAsRedis] {
            let ini = ini(&Site::new(handler), &password);
            assert!(ini.contains(expected), "{ini}");
            assert!(!ini.contains("locking"));
            assert_eq!(ini.contains("extension = /x/guarda.so"), handler != Handler::Phpredis);
        }
    }

    #[test]
    fn the_old_save_path_is_url_encoded() {
        let site = Site { adopt: Some("/srv/a b&c".to_owned()), ..Site::new(Handler::Guarda) };
        let ini = ini(&site, &Secret::generate().unwrap());
        assert!(ini.contains("&adopt=%2Fsrv%2Fa%20b%26c\""), "{ini}");
    }

    #[test]
    fn the_files_handler_knows_nothing_of_the_store() {
        let ini = ini(&Site::new(Handler::Files), &Secret::generate().unwrap());
        assert!(ini.contains("session.save_path = \"/srv/web1/sessions\""), "{ini}");
        assert!(!ini.contains("suasenha"));
    }

    #[test]
    fn only_root_names_a_user() {
        let none: [&Path; 0] = [];
        let path = Path::new("/x");
        for user in [None, Some("root")] {
            let fpm = fpm_conf("web1", path, path, 1, user);
            let nginx = nginx_conf(1, path, path, &none, user);
            assert_eq!(fpm.contains("user = root"), user.is_some());
            assert_eq!(nginx.starts_with("user root;"), user.is_some());
        }
    }
}
