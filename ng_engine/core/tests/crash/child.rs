//! This executable once more, as a process that may be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines meant for the process that drives begin with this; the test harness prints some of its own.
const MARK: &str = "!";

/// A line for the process that drives; whole, and out at once.
pub fn say(line: &str) {
    let line = format!("{MARK}{line}\n");
    // SAFETY: the buffer is as long as said.
    unsafe { crate::disk::write(1, line.as_ptr().cast(), line.len()) };
}

/// A running child.
pub struct Child {
    process: Process,
    pub stdin: Option<ChildStdin>,
    reader: Option<JoinHandle<Vec<String>>>,
    ready: Receiver<()>,
}

impl Child {
    pub fn start(job: &str, arguments: &[(&str, String)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("CRASH_JOB", job).envs(arguments.iter().map(|(name, value)| (*name, value)));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take().unwrap());
        let (tell, ready) = channel();
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                // A line may be glued to the name of the test, which the harness leaves without an end.
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some((_, line)) = line.split_once(MARK) {
                    let _ = tell.send(());
                    lines.push(line.to_owned());
                }
            }
            lines
        });
        let reader = Some(reader);
        Self { process, stdin, reader, ready }
    }

    /// Wait for a line.
    pub fn heard(&self, patience: Duration) -> bool {
        self.ready.recv_timeout(patience).is_ok()
    }

    /// Kill it; what it has said.
    pub fn kill(mut self) -> Vec<String> {
        self.stop();
        self.reader.take().unwrap().join().unwrap()
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Wait for its end, or kill it when patience is at an end: a hang.
    pub fn end(mut self, patience: Duration) -> (Option<ExitStatus>, Vec<String>) {
        drop(self.stdin.take());
        let began = Instant::now();
        let mut status = None;
        while status.is_none() && began.elapsed() < patience {
            status = self.process.try_wait().unwrap();
            if status.is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if status.is_none() {
            self.stop();
        }
        (status, self.reader.take().unwrap().join().unwrap())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // None is left behind when a test fails.
        self.stop();
    }
}

/// An argument of the job.
pub fn argument(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the job wants {name}"))
}

pub fn number(name: &str) -> u64 {
    argument(name).parse().unwrap()
}

#[test]
#[ignore = "only with a job"]
fn child() {
    match std::env::var("CRASH_JOB").as_deref() {
        Ok("commit") => crate::kill::commit_until_killed(),
        Ok("fault") => crate::faults::one_run(),
        Ok("damage") => crate::damage::trials(),
        Ok("serve") => crate::history::serve(),
        Ok(job) => panic!("no such job: {job}"),
        Err(_) => {}
    }
}
