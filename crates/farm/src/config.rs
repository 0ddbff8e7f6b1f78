//! The configuration files of the farm's programs, as text.

use std::fmt::Write as _;
use std::path::Path;

use crate::farm::{Handler, Locking};
use crate::scratch::Secret;

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

/// The lines at the end of one web server's php.ini, exactly as the tutorial writes them.
///
/// The double quotes matter: without them PHP cuts the value at its first `=` and says nothing.
pub(crate) fn php_ini(
    handler: Handler,
    store: Option<(u16, &Secret)>,
    own_sessions: &Path,
    locking: Option<Locking>,
) -> String {
    let mut ini = match (handler, store) {
        (Handler::Phpredis, Some((port, password))) => format!(
            "session.save_handler = redis\n\
             session.save_path = \"tcp://127.0.0.1:{port}?auth={}&timeout=5&persistent=1&weight=1\
             &database=0&prefix=phpSession_&read_timeout=5&name=PHP_REDIS_SESSION\"\n",
            password.reveal(),
        ),
        _ => format!(
            "session.save_handler = files\nsession.save_path = \"{}\"\n",
            own_sessions.display()
        ),
    };
    if let Some(Locking { expire_s, retries, wait_us }) = locking {
        write!(
            ini,
            "redis.session.locking_enabled = 1\n\
             redis.session.lock_expire = {expire_s}\n\
             redis.session.lock_retries = {retries}\n\
             redis.session.lock_wait_time = {wait_us}\n"
        )
        .expect("writing to a String cannot fail");
    }
    ini + "display_errors = 0\nlog_errors = 1\n"
}

/// php-fpm's own configuration for the web server `web`, whose files are all in `directory`.
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
        location ~ ^/(index|probe)\\.php$ {{
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

    #[test]
    fn the_save_path_is_the_tutorials() {
        let password = Secret::generate().unwrap();
        let ini = php_ini(Handler::Phpredis, Some((6379, &password)), Path::new("/x"), None);
        let expected = "session.save_path = \"tcp://127.0.0.1:6379?auth=suasenha&timeout=5\
             &persistent=1&weight=1&database=0&prefix=phpSession_&read_timeout=5\
             &name=PHP_REDIS_SESSION\"\n";
        assert!(ini.replace(password.reveal(), "suasenha").contains(expected), "{ini}");
        assert!(!ini.contains("locking"));
    }

    #[test]
    fn the_files_handler_knows_nothing_of_the_store() {
        let password = Secret::generate().unwrap();
        let own = Path::new("/srv/web1/sessions");
        let ini = php_ini(Handler::Files, Some((6379, &password)), own, None);
        assert!(ini.contains("session.save_path = \"/srv/web1/sessions\""), "{ini}");
        assert!(!ini.contains(password.reveal()));
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
