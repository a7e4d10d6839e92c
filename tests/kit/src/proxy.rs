//! A TCP proxy that can be told to cut, to stall, or to lose one direction.
//!
//! Takes connections for a port. Returns the same bytes, unless told otherwise. Invariant: gone when dropped, and all
//! that it carried with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::wait::wait_for;

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

/// What became of connections and bytes, counted since the proxy stands there.
#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    ended: AtomicUsize,
    withheld: AtomicUsize,
}

/// A proxy before a port of this machine.
pub struct Proxy {
    /// The port that it listens on.
    pub port: u16,
    mode: watch::Sender<Mode>,
    counts: Arc<Counts>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Proxy {
    /// Starts a proxy before `port` of this machine.
    pub fn before(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mode, modes) = watch::channel(Mode::Pass);
        let counts = Arc::new(Counts::default());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let own = listener.local_addr().unwrap().port();
        let counted = Arc::clone(&counts);
        runtime.spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let (modes, counts) = (modes.clone(), Arc::clone(&counted));
                counts.opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    carry(client, SocketAddr::from(([127, 0, 0, 1], port)), modes, &counts).await;
                    counts.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { port: own, mode, counts, runtime: Some(runtime) }
    }

    /// Treats bytes so from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send(mode).unwrap();
    }

    /// Cuts everything that is open; what is opened next passes.
    pub fn cut(&self) {
        self.set(Mode::Cut);
        let open = || self.counts.opened.load(Ordering::SeqCst) - self.ended();
        wait_for("the connections to end", || (open() == 0).then_some(()));
        self.set(Mode::Pass);
    }

    /// Returns how many connections have ended so far.
    pub fn ended(&self) -> usize {
        self.counts.ended.load(Ordering::SeqCst)
    }

    /// Returns how often bytes had to wait so far.
    pub fn withheld(&self) -> usize {
        self.counts.withheld.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn carry(client: TcpStream, to: SocketAddr, modes: watch::Receiver<Mode>, counts: &Counts) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = modes.clone();
    tokio::select! {
        () = pump(from_client, to_server, modes.clone(), &[Mode::Stall], counts) => {}
        () = pump(from_server, to_client, modes, &[Mode::Stall, Mode::StallAnswers], counts) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    stalls: &[Mode],
    counts: &Counts,
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        if stalls.contains(&modes.borrow()) {
            counts.withheld.fetch_add(1, Ordering::SeqCst);
        }
        if modes.wait_for(|mode| !stalls.contains(mode)).await.is_err() || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}
