//! A TCP proxy that can be told to cut, to stall, or to lose one direction.
//!
//! In: connections for a port. Out: the same bytes, unless told otherwise. Always holds: gone when dropped, and all that it
//! carried with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    Pass,
    /// They wait, in both directions; connections stay.
    Stall,
    /// What the server says waits; what it is told passes.
    StallAnswers,
    /// Connections are cut, and new ones are cut at once.
    Cut,
}

/// The proxy.
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
    connections: Arc<AtomicUsize>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Proxy {
    /// Stands before `port` of this machine.
    pub fn before(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mode, modes) = watch::channel(Mode::Pass);
        let connections = Arc::new(AtomicUsize::new(0));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let own = listener.local_addr().unwrap().port();
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let (modes, count) = (modes.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    carry(client, SocketAddr::from(([127, 0, 0, 1], port)), modes).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port: own, mode, connections, runtime: Some(runtime) }
    }

    /// Treats bytes so from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send(mode).unwrap();
    }

    /// Cuts everything that is open; what is opened next passes.
    pub fn cut(&self) {
        self.set(Mode::Cut);
        while self.connections.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.set(Mode::Pass);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn carry(client: TcpStream, to: SocketAddr, modes: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = modes.clone();
    tokio::select! {
        () = pump(from_client, to_server, modes.clone(), &[Mode::Stall]) => {}
        () = pump(from_server, to_client, modes, &[Mode::Stall, Mode::StallAnswers]) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    stalls: &[Mode],
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        if modes.wait_for(|mode| !stalls.contains(mode)).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
