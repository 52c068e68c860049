//! Accelerators over the tables: each may lag, none may be wrong.

pub mod adjacency;
pub mod forest;
pub mod keys;
pub mod moves;
pub mod row_bits;
pub mod spatial;
