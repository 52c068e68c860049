//! The storage, indexes and set-at-a-time operations of NeuroGraph.
//!
//! No language, no Python: text is compiled above, in `ngql`; `bindings` turns Python values into the
//! types of this crate and back. Start reading at [`runtime_storage::RuntimeStorage`], one session on a store;
//! what it sees is a [`snapshot::Snapshot`], what it writes goes through [`commit::Working`] and [`guardian`].

pub mod access;
mod arrays;
pub mod batch;
pub mod cancel;
pub mod catalog;
pub mod cdna;
pub mod chunk;
pub mod columns;
pub mod commit;
pub mod connection;
pub mod cost;
pub mod error;
pub mod filter;
mod flat;
pub mod guardian;
pub mod index;
pub mod memory;
pub mod metric;
pub mod ops;
mod prefetch;
pub mod redo;
pub mod request;
pub mod runtime_storage;
pub mod segment;
pub mod snapshot;
mod statement;
pub mod store;
pub mod token;
pub mod transaction;
pub mod vocabulary;

pub use error::{Error, Result};
