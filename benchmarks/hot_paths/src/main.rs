//! The engine's hot paths, one after the other on one thread, for callgrind to count what [`hot_path`] executes.
//!
//! It prints a line with the CPU's features that the engine chooses code by, and then a line a path: name, operations,
//! rows that they gave, with tabs between. `benchmarks/instructions.py` runs it and judges.

#![allow(clippy::print_stdout, reason = "what it is for")]

mod graph;
mod random;
mod rows;
mod space;
mod tables;

use ng_core::Result;
use ng_core::error::Error;
use ng_core::ops::pool;

use graph::Graph;
use rows::Rows;
use space::Space;

/// What the paths are walked in.
struct World {
    rows: Rows,
    space: Space,
    graph: Graph,
}

/// Operation number so many of a path; how many rows it gave or wrote.
type Operation = fn(&World, usize) -> Result<usize>;

/// Every path: its name, how many operations are counted, and the operation. Paths that write come last.
const PATHS: &[(&str, usize, Operation)] = &[
    ("get_token by id", 5_000, |world, i| world.rows.get_by_id(i)),
    ("get_token by key", 5_000, |world, i| world.rows.get_by_key(i)),
    ("scan, 1 % of 100,000", 5, |world, _| world.space.scan()),
    ("nearest", 500, |world, i| world.space.nearest(i)),
    ("nearest, 1 % pass the filter", 100, |world, i| world.space.nearest_filtered(i)),
    ("nearest, skewed scales", 200, |world, i| world.space.nearest_skewed(i)),
    ("nearest, circular axes", 100, |world, i| world.space.nearest_circular(i)),
    ("nearest, 1,000 at once", 1, |world, _| world.space.nearest_batch()),
    ("nearest, not indexed", 100, |world, i| world.space.nearest_scanned(i)),
    ("within", 100, |world, i| world.space.within(i)),
    ("box", 200, |world, i| world.space.within_box(i)),
    ("neighbors, 1 hop", 2_000, |world, i| world.graph.neighbors(i, 1)),
    ("neighbors, 2 hops", 500, |world, i| world.graph.neighbors(i, 2)),
    ("neighbors, 3 hops", 100, |world, i| world.graph.neighbors(i, 3)),
    ("path, fewest hops", 200, |world, i| world.graph.path(i)),
    ("path, cheapest", 50, |world, i| world.graph.cheapest(i)),
    ("pagerank, 20 rounds", 1, |world, _| world.graph.pagerank()),
    ("components", 2, |world, _| world.graph.components()),
    ("create_token", 1_000, |world, i| world.rows.create(i)),
    ("update_token", 1_000, |world, i| world.rows.update(i)),
    ("create_tokens, 20,000 with keys", 2, |world, i| world.rows.create_many(i)),
    ("create_connections, 20,000", 2, |world, i| world.rows.connect_many(i)),
    ("redo of 4,000 rows", 2, |world, i| world.rows.record(i)),
    ("replay of 4,000 rows", 2, |world, i| world.rows.replay(i)),
];

/// Everything that is counted, by a name that callgrind can be told.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_path(operations: &mut dyn FnMut()) {
    operations();
}

fn main() -> Result<()> {
    let pool = pool().filter(|pool| pool.current_num_threads() == 1);
    // What another thread does is not counted, and how they share the work is not the same twice.
    let pool = pool.ok_or_else(|| Error::invalid_value("RAYON_NUM_THREADS must be 1"))?;
    println!("{}", features());
    let world = World { rows: Rows::new()?, space: Space::new()?, graph: Graph::new()? };
    for (name, operations, operation) in PATHS {
        let mut rows = Ok(0);
        // On the one thread that operations would hand their work to.
        pool.install(|| {
            // The first one pays for what is there ever after: it is not counted.
            operation(&world, 0)?;
            hot_path(&mut || rows = (1..=*operations).map(|i| operation(&world, i)).sum());
            Result::Ok(())
        })?;
        println!("{name}\t{operations}\t{}", rows?);
    }
    Ok(())
}

/// Those of this CPU that searches are compiled for.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found = [("portable", true)];
    found.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}
