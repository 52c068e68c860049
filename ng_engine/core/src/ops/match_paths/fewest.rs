//! The paths of the fewest hops from a token to every token that a pattern's last can be: breadth first over the pairs of
//! a token and how far the pattern has been walked when it is reached.

use std::collections::HashMap;

use crate::error::Result;
use crate::ops::match_paths::found::Found;
use crate::ops::match_paths::trail::{At, END, NONE, Trails};

/// What a cell and a way into it take.
const CELL_BYTES: usize = 64;
/// Cells between two looks at what memory there is.
const TAKEN: usize = 1 << 10;

/// A token reached in a state of the pattern.
struct Cell {
    row: u32,
    /// The step being walked; as many as there are once the pattern is.
    step: usize,
    /// Hops of it, as far as they matter.
    count: u32,
    depth: u32,
    /// The first way here among `Search::ways`.
    way: u32,
}

/// How a cell is reached.
struct Way {
    from: u32,
    connection: u32,
    next: u32,
}

struct Search<'a, 'b> {
    trails: &'a mut Trails<'b>,
    root: At,
    /// Whether every way is kept, or the first.
    all: bool,
    cells: Vec<Cell>,
    ways: Vec<Way>,
    known: HashMap<(u32, usize, u32), u32, foldhash::fast::RandomState>,
    /// Cells at the end of the pattern.
    ends: Vec<u32>,
}

/// One path to each last token, or all of them.
pub(super) fn paths(trails: &mut Trails<'_>, starts: &[u32], all: bool, found: &mut Found) -> Result<()> {
    for row in starts {
        trails.clear();
        let root = trails.begin(*row)?;
        let (cells, ways, known, ends) = (Vec::new(), Vec::new(), HashMap::default(), Vec::new());
        let mut search = Search { trails: &mut *trails, root, all, cells, ways, known, ends };
        search.run()?;
        for end in std::mem::take(&mut search.ends) {
            search.emit(end, found)?;
        }
    }
    Ok(())
}

/// So many tokens can end a path that begins at one; `None` if that is not known.
pub(super) fn most_ends(trails: &Trails<'_>) -> Option<usize> {
    let ready = trails.ready;
    let last = ready.steps.last()?;
    if last.same == Some(ready.anchor) {
        return Some(1);
    }
    ready.nodes[last.node].rows.as_ref().map(Vec::len)
}

impl Search<'_, '_> {
    fn run(&mut self) -> Result<()> {
        let most = most_ends(self.trails).unwrap_or(usize::MAX);
        self.enter(self.root.row, 0, 0, 0, (NONE, END))?;
        let (mut next, mut hops) = (0, Vec::new());
        while let Some(&Cell { row, step, count, depth, .. }) = self.cells.get(next) {
            if self.ends.len() >= most {
                // Ways into what was found last come from the tokens a hop before it.
                let last = self.ends.last().map_or(0, |end| self.cells[*end as usize].depth);
                if !self.all || depth >= last {
                    break;
                }
            }
            if step < self.trails.ready.steps.len() && self.may_go_on(step, count) {
                self.trails.hops(step, row, &mut hops)?;
                for hop in &hops {
                    let way = (next as u32, hop.connection);
                    if !self.trails.edge(step).is_single() {
                        self.enter(hop.token, step, count + 1, depth + 1, way)?;
                    } else if self.trails.arrives(step, self.root, hop.token) {
                        self.enter(hop.token, step + 1, 0, depth + 1, way)?;
                    }
                }
            }
            next += 1;
        }
        Ok(())
    }

    fn may_go_on(&self, step: usize, count: u32) -> bool {
        self.trails.edge(step).high.is_none_or(|high| count < high)
    }

    /// Note that a cell is reached, and where the pattern may go on from it without a hop.
    fn enter(&mut self, row: u32, step: usize, count: u32, depth: u32, (from, connection): (u32, u32)) -> Result<()> {
        let steps = self.trails.ready.steps.len();
        // Without an upper bound all counts beyond the lower one are the same.
        let count = match self.trails.ready.steps.get(step) {
            Some(_) if self.trails.edge(step).high.is_none() => count.min(self.trails.edge(step).low),
            _ => count,
        };
        let way = self.ways.len() as u32;
        if let Some(cell) = self.known.get(&(row, step, count)) {
            let cell = &mut self.cells[*cell as usize];
            if self.all && cell.depth == depth {
                self.ways.push(Way { from, connection, next: cell.way });
                cell.way = way;
            }
            return Ok(());
        }
        if self.cells.len().is_multiple_of(TAKEN) {
            self.trails.ready.view.memory.take(TAKEN * CELL_BYTES)?;
        }
        let number = self.cells.len() as u32;
        if from == NONE {
            self.cells.push(Cell { row, step, count, depth, way: NONE });
        } else {
            self.ways.push(Way { from, connection, next: NONE });
            self.cells.push(Cell { row, step, count, depth, way });
        }
        self.known.insert((row, step, count), number);
        if step == steps {
            self.ends.push(number);
        } else if !self.trails.edge(step).is_single()
            && count >= self.trails.edge(step).low
            && self.trails.arrives(step, self.root, row)
        {
            self.enter(row, step + 1, 0, depth, (number, END))?;
        }
        Ok(())
    }

    /// Every path to an end.
    fn emit(&mut self, end: u32, found: &mut Found) -> Result<()> {
        // Ways from the end back to the root, of which the last may be none.
        let mut back = vec![self.cells[end as usize].way];
        while let Some(way) = back.last().copied() {
            if let Some(way) = self.ways.get(way as usize) {
                back.push(self.cells[way.from as usize].way);
                continue;
            }
            self.trails.clear();
            self.root = self.trails.begin(self.root.row)?;
            let at = self.forth(end, &back[..back.len() - 1])?;
            found.add(self.trails, at)?;
            // The next way into the last cell that has one.
            back.pop();
            while let Some(way) = back.pop() {
                let next = self.ways[way as usize].next;
                if next != NONE {
                    back.push(next);
                    back.push(self.cells[self.ways[next as usize].from as usize].way);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The path along these ways, which lead from an end back to the root.
    fn forth(&mut self, end: u32, back: &[u32]) -> Result<At> {
        let (mut at, mut hops) = (self.root, 0);
        for (i, way) in back.iter().enumerate().rev() {
            let Way { from, connection, .. } = self.ways[*way as usize];
            if connection == END {
                at = self.trails.end(at, hops)?;
                hops = 0;
                continue;
            }
            let to = if i == 0 { end } else { self.ways[back[i - 1] as usize].from };
            at = self.trails.go_to(at, self.cells[to as usize].row, connection)?;
            hops = if self.trails.edge(self.cells[from as usize].step).is_single() { 0 } else { hops + 1 };
        }
        Ok(at)
    }
}
