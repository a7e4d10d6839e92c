//! A real broker for these tests alone: Debian's RabbitMQ, in a temporary folder, on free ports.
//!
//! Returns [`Broker`]s; [`shared`] is one for the whole binary, with a virtual host a test. Invariant: however the
//! tests end, the broker ends with them, as it is watched by a shell that waits for the tests' end of a pipe.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use housestyle::broker::address;

use crate::program::repository;
use crate::wait::wait_for;

/// Virtual hosts that are made when a broker starts.
const VHOSTS: usize = 36;

/// A broker; gone when dropped.
pub struct Broker {
    port: u16,
    tls_port: u16,
    folder: PathBuf,
    names: Names,
    watcher: Option<Child>,
    next: AtomicUsize,
    _temporary: tempfile::TempDir,
}

/// What tells one broker on this machine from another.
struct Names {
    node: String,
    dist: u16,
    epmd: u16,
}

/// The broker that most tests share.
pub fn shared() -> &'static Broker {
    static SHARED: LazyLock<Broker> = LazyLock::new(Broker::start);
    &SHARED
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether the server is installed.
pub fn is_installed() -> bool {
    find("rabbitmq-server").is_some()
}

/// Finds one of the server's own scripts; Debian's wrappers around them insist on the system's broker.
fn find(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/rabbitmq/lib").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("sbin").join(name)).find(|script| script.is_file())
}

fn script(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("no RabbitMQ here: run `make broker`"))
}

impl Broker {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        let port = free_port();
        let names = Names { node: format!("test-{port}@localhost"), dist: free_port(), epmd: free_port() };
        let vhosts: Vec<_> = (0..VHOSTS).map(|n| serde_json::json!({"name": format!("t{n}")})).collect();
        let permission = |n| {
            let own = "housestyle\\..*";
            serde_json::json!({"user": "house", "vhost": format!("t{n}"), "configure": own, "write": own, "read": own})
        };
        let definitions = serde_json::json!({
            "users": [{"name": "house", "password": "style", "tags": "administrator"}],
            "vhosts": vhosts,
            "permissions": (0..VHOSTS).map(permission).collect::<Vec<_>>(),
        });
        std::fs::write(folder.join("definitions.json"), definitions.to_string()).unwrap();
        std::fs::write(folder.join("plugins"), "[].\n").unwrap();
        let tls_port = free_port();
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), certified.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        let at = folder.display();
        let tls = format!(
            "listeners.ssl.1 = 127.0.0.1:{tls_port}\nssl_options.cacertfile = {at}/cert.pem\n\
             ssl_options.certfile = {at}/cert.pem\nssl_options.keyfile = {at}/key.pem\n\
             ssl_options.verify = verify_none\n"
        );
        let settings = format!(
            "{tls}listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {at}/definitions.json\n\
             disk_free_limit.absolute = 50MB\nlog.file.level = warning\n"
        );
        std::fs::write(folder.join("rabbitmq.conf"), settings).unwrap();
        let mut broker =
            Self { port, tls_port, folder, names, watcher: None, next: AtomicUsize::new(0), _temporary: temporary };
        broker.up();
        broker
    }

    /// Starts the server on what its folder holds.
    pub fn up(&mut self) {
        // Killing the shell's group takes the server and all its helpers along.
        let watch = "set -m; \"$0\" >\"$OUT\" 2>&1 & read -r _; kill -KILL -- -$!; \
                     epmd -port \"$ERL_EPMD_PORT\" -kill >/dev/null 2>&1";
        let mut command = Command::new("bash");
        command.args(["-c", watch]).arg(script("rabbitmq-server")).env("OUT", self.folder.join("out"));
        self.environment(&mut command);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.watcher = Some(child);
        wait_for("the broker to listen", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Kills the server; its folder stays.
    pub fn down(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            watcher.wait().unwrap();
        }
    }

    /// Runs the server's own tool; returns what it printed.
    pub fn ctl(&self, args: &[&str]) -> String {
        let mut command = Command::new(script("rabbitmqctl"));
        command.args(["-n", &self.names.node]).args(args);
        self.environment(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script of the repository that uses the server's own tool.
    pub fn script(&self, path: &str, variables: &[(&str, &str)]) {
        let tools = script("rabbitmqctl").parent().unwrap().display().to_string();
        let mut command = Command::new("bash");
        self.environment(
            command.arg(repository().join(path)).env("NODE", &self.names.node).envs(variables.iter().copied()),
        );
        command.env("PATH", format!("{tools}:{}", std::env::var("PATH").unwrap_or_default()));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn environment(&self, command: &mut Command) {
        let set = |command: &mut Command, name: &str, value: &Path| {
            command.env(name, value);
        };
        set(command, "HOME", &self.folder);
        set(command, "RABBITMQ_MNESIA_BASE", &self.folder.join("mnesia"));
        set(command, "RABBITMQ_LOG_BASE", &self.folder.join("log"));
        set(command, "RABBITMQ_CONFIG_FILE", &self.folder.join("rabbitmq.conf"));
        set(command, "RABBITMQ_ENABLED_PLUGINS_FILE", &self.folder.join("plugins"));
        set(command, "RABBITMQ_CONF_ENV_FILE", Path::new("/dev/null"));
        command.env("RABBITMQ_NODENAME", &self.names.node);
        command.env("RABBITMQ_DIST_PORT", self.names.dist.to_string());
        command.env("ERL_EPMD_PORT", self.names.epmd.to_string());
        // Tests share the cores: schedulers that have nothing to do must not spin.
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none");
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a virtual host over TLS, and the certificate that is to be trusted for it.
    pub fn tls(&self, vhost: &str) -> (String, PathBuf) {
        (format!("amqps://house:style@localhost:{}/{vhost}", self.tls_port), self.folder.join("cert.pem"))
    }

    /// A virtual host that no other test uses.
    pub fn vhost(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(n < VHOSTS, "more tests than virtual hosts: raise VHOSTS");
        format!("t{n}")
    }

    /// The address of a virtual host, over `port` (a proxy's, or the broker's own).
    pub fn url(port: u16, vhost: &str) -> String {
        format!("amqp://house:style@127.0.0.1:{port}/{vhost}")
    }

    /// The address of a virtual host that no other test uses.
    pub fn fresh(&self) -> address::BrokerAddress {
        Self::url(self.port, &self.vhost()).into()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.down();
    }
}
