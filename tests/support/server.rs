//! The simulator as a server of its own.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::simulator::{Simulator, World, endpoint_url};
use tokio_util::sync::CancellationToken;

/// A simulator that runs until dropped.
pub struct Server {
    pub simulator: Simulator,
    pub url: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(world: World) -> Self {
        Self::start_at(world, 0)
    }

    /// On a port of one's choice; 0 is any.
    pub fn start_at(world: World, port: u16) -> Self {
        let stop = CancellationToken::new();
        let (ready, is_ready) = mpsc::channel();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (simulator, listener) = Simulator::bind_at(world, Clock::system(), port)
                    .await
                    .unwrap();
                simulator.keep_call_log();
                ready
                    .send((simulator.clone(), endpoint_url(&listener).unwrap()))
                    .unwrap();
                simulator.run(listener, stopped).await;
            });
        });
        let (simulator, url) = is_ready.recv().unwrap();
        Self {
            simulator,
            url,
            stop,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
