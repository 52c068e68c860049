//! Faults for tests: planted bugs by name. Nothing of it is compiled without the feature `faults`.

/// Whether a promise is to be broken here, so that the tests can show that they notice.
#[cfg(not(feature = "faults"))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// Whether a promise is to be broken here, so that the tests can show that they notice.
#[cfg(feature = "faults")]
macro_rules! planted {
    ($name:literal) => {
        $crate::store::file::faults::planted($name)
    };
}

/// Whether `NG_FAULT` names this bug.
#[cfg(feature = "faults")]
pub(crate) fn planted(name: &str) -> bool {
    use std::sync::OnceLock;
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        std::env::var("NG_FAULT").map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    });
    names.iter().any(|planted| planted == name)
}
