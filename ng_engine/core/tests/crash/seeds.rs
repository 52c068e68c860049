//! Random numbers that come again: everything random in here follows from one printed seed.

/// `SEED` of the environment, or the clock; printed, so that a failure can be had again.
pub fn base_seed(what: &str) -> u64 {
    let given = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        mix(now.as_nanos() as u64 ^ u64::from(std::process::id())) >> 24
    });
    eprintln!("{what}: SEED={seed}");
    seed
}

/// Whether this is the campaign of `make soak`.
pub fn soak() -> bool {
    std::env::var_os("SOAK").is_some()
}

/// How often: in every test run, and in the campaign. `CRASH_TIMES` overrides both, for a short look.
pub fn times(tests: u64, campaign: u64) -> u64 {
    let given = std::env::var("CRASH_TIMES").ok().and_then(|text| text.parse().ok());
    given.unwrap_or(if soak() { campaign } else { tests })
}

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A small generator (splitmix64).
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6A09_E667_F3BC_C909))
    }

    /// A generator of its own for a numbered part of the whole.
    pub fn part(seed: u64, lane: u64, number: u64) -> Self {
        Self::new(mix(mix(seed) ^ lane.wrapping_mul(0xD6E8_FEB8_6659_FD93)) ^ number)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// A number that float32 holds exactly.
    pub fn number(&mut self) -> f32 {
        self.below(2001) as f32 / 8.0 - 125.0
    }
}
