//! The whole house on one machine: a broker, an S3 server, two workers; a campaign is submitted, watched and reported.
//!
//! Takes the program (built before) and a campaign file. Returns the campaign in the bucket, the report in a folder.
//! Invariants: broker, server and workers are real processes or sockets of their own, and gone at the end; the
//! commands shown are those a person would type.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use clap::Parser;
use housestyle_testkit::broker::Broker;
use housestyle_testkit::program::program;
use housestyle_testkit::s3::{BUCKET, Server};

/// Shows the whole house on one machine.
#[derive(Parser)]
struct Args {
    /// The campaign
    #[arg(long, default_value = "specs/demo.yaml")]
    spec: PathBuf,
    /// Where the report goes
    #[arg(long, default_value = "out/cluster")]
    to: PathBuf,
    /// Workers
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// What every process of the house is given.
struct House {
    program: PathBuf,
    broker: String,
    server: Server,
}

/// A worker; asked to stop, and waited for, when dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

impl House {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env("HOUSESTYLE_BROKER", &self.broker).env("HOUSESTYLE_OUT", format!("s3://{BUCKET}"));
        command.env("HOUSESTYLE_THREADS", "1"); // workers share this machine's cores
        self.server.serve(&mut command);
        command
    }

    fn worker(&self, log: &Path) -> Result<Worker, Box<dyn Error>> {
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let mut command = self.command(&["worker", "-v"]);
        Ok(Worker(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?))
    }

    /// Runs a command as a person would; 3 says that some were refused by the gate, which is no failure of the house.
    fn run(&self, args: &[&str]) -> Result<(), Box<dyn Error>> {
        say(&format!("\n$ housestyle {}", args.join(" ")));
        let status = self.command(args).status()?;
        match status.code() {
            Some(0 | 3) => Ok(()),
            _ => Err(format!("housestyle {} ended with {status}", args[0]).into()),
        }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn main() -> ExitCode {
    match show(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn show(args: &Args) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&args.to)?;
    let log = args.to.join("workers.log");
    say("starting RabbitMQ and an S3 server of this demo's own");
    let broker = Broker::start();
    let url = Broker::url(broker.port(), &broker.vhost());
    let house = House { program: program(), broker: url, server: Server::start() };
    say(&format!("starting {} workers; their log is {}", args.workers, log.display()));
    let workers: Vec<Worker> = (0..args.workers).map(|_| house.worker(&log)).collect::<Result<_, _>>()?;

    let spec = args.spec.to_string_lossy();
    house.run(&["submit", &spec, "--wait"])?;
    house.run(&["submit", &spec])?; // the same again is the same
    house.run(&["dead", "list"])?;
    house.run(&["baseline", "import", "eval/demo/agency", "--name", "agency", "--campaign", &spec])?;
    let to = args.to.to_string_lossy();
    let report = ["report", "demo", "--baseline", "agency", "--references", "eval/demo/references.yaml"];
    house.run(&[&report[..], &["--costs", "specs/costs.yaml", "--to", &to]].concat())?;
    say("\nstopping the workers: what they hold goes back to the broker");
    drop(workers);
    Ok(())
}
