//! What a campaign has done, as a line of JSON in the file that `FIGURES` names.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Instant;

/// Figures of one harness, written when dropped without a panic.
pub struct Figures {
    what: &'static str,
    began: Instant,
    counts: Vec<(&'static str, u64)>,
}

impl Figures {
    pub fn of(what: &'static str) -> Self {
        Self { what, began: Instant::now(), counts: Vec::new() }
    }

    pub fn add(&mut self, name: &'static str, count: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => self.counts.push((name, count)),
        }
    }

    pub fn get(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

impl Drop for Figures {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut line =
            format!("{{\"harness\": \"{}\", \"seconds\": {:.1}", self.what, self.began.elapsed().as_secs_f64());
        for (name, count) in &self.counts {
            let _ = write!(line, ", \"{name}\": {count}");
        }
        line.push_str("}\n");
        eprint!("{line}");
        if let Some(path) = std::env::var_os("FIGURES") {
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}
