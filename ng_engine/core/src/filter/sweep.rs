//! A filter over a segment at once: a bit for each row that passes, column by column.

use super::{Column, Filter, Filtered, Node, Op, Test, TestKind};
use crate::connection::Connection;
use crate::filter::Datum;
use crate::segment::{LiveBits, SEGMENT_ROWS, Segment};
use crate::token::Token;

/// Rows that share a word.
const WORD: usize = 64;

impl Filter {
    /// The live rows of a segment that pass: a bit for each slot.
    pub fn sweep<R: Filtered>(&self, segment: &Segment<R>) -> LiveBits {
        let mut bits = segment.live_bits().copied().unwrap_or([u64::MAX; SEGMENT_ROWS / WORD]);
        let len = segment.len();
        for (number, word) in bits.iter_mut().enumerate().skip(len / WORD) {
            *word &= if number == len / WORD { !(u64::MAX << (len % WORD)) } else { 0 };
        }
        if !segment.is_hollow() {
            narrow(&self.node, segment, &mut bits);
        }
        bits
    }
}

/// The rows whose bits are set, counted from `first`.
pub fn rows(first: u32, bits: LiveBits) -> impl Iterator<Item = u32> {
    bits.into_iter().zip(0u32..).flat_map(move |(word, number)| {
        let mut left = word;
        std::iter::from_fn(move || {
            let slot = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (slot < WORD as u32).then_some(first + number * WORD as u32 + slot)
        })
    })
}

/// Clear the bits of the rows that do not pass.
fn narrow<R: Filtered>(node: &Node, segment: &Segment<R>, bits: &mut LiveBits) {
    match node {
        Node::Const(true) => {}
        Node::Const(false) => bits.fill(0),
        Node::And(nodes) => {
            for node in nodes {
                if bits.iter().all(|word| *word == 0) {
                    break;
                }
                narrow(node, segment, bits);
            }
        }
        Node::Or(nodes) => {
            let mut passed = [0; SEGMENT_ROWS / WORD];
            for node in nodes {
                let mut others: LiveBits = std::array::from_fn(|word| bits[word] & !passed[word]);
                narrow(node, segment, &mut others);
                passed.iter_mut().zip(others).for_each(|(word, others)| *word |= others);
            }
            *bits = passed;
        }
        Node::Test(test) => R::sweep(segment.columns(), segment.len(), test, bits),
        Node::Distance(op, point, metric, limit) => one_by_one(bits, |slot| {
            let distance = R::point(segment.columns(), slot).map(|at| metric.distance(&at, point));
            distance.and_then(|d| d.partial_cmp(limit)).is_some_and(|ordering| op.holds(ordering))
        }),
    }
}

impl Token {
    pub(super) fn sweep_column(
        columns: &<Self as crate::segment::Record>::Columns,
        len: usize,
        test: &Test,
        bits: &mut LiveBits,
    ) {
        let kind = &test.kind;
        match test.column {
            Column::Id => kind.ints(columns.id.slice(len), |id| id as i64, bits),
            Column::Type => kind.codes(columns.kind.slice(len), bits),
            Column::Weight => kind.reals(columns.weight.slice(len), |weight| weight, bits),
            Column::Axis(axis) => kind.reals(columns.coords.slice(len), |point| point[axis], bits),
            Column::Flags => kind.ints(columns.flags.slice(len), i64::from, bits),
            Column::CreatedAt => kind.ints(columns.created_at.slice(len), |at| at, bits),
            Column::UpdatedAt => kind.ints(columns.updated_at.slice(len), |at| at, bits),
            _ => one_by_one(bits, |slot| Self::test(columns, slot, test, 0)),
        }
    }
}

impl Connection {
    pub(super) fn sweep_column(
        columns: &<Self as crate::segment::Record>::Columns,
        len: usize,
        test: &Test,
        bits: &mut LiveBits,
    ) {
        let kind = &test.kind;
        match test.column {
            Column::Id => kind.ints(columns.id.slice(len), |id| id as i64, bits),
            Column::Source => kind.ints(columns.source.slice(len), |id| id as i64, bits),
            Column::Target => kind.ints(columns.target.slice(len), |id| id as i64, bits),
            Column::Type => kind.codes(columns.kind.slice(len), bits),
            Column::Weight => kind.reals(columns.weight.slice(len), |weight| weight, bits),
            Column::Confidence => kind.reals(columns.confidence.slice(len), |confidence| confidence, bits),
            Column::Rigidity => kind.reals(columns.rigidity.slice(len), |rigidity| rigidity, bits),
            Column::Evidence => kind.ints(columns.evidence.slice(len), i64::from, bits),
            Column::Activations => kind.ints(columns.activations.slice(len), |count| count as i64, bits),
            Column::Levels => kind.ints(columns.levels.slice(len), i64::from, bits),
            Column::CreatedAt => kind.ints(columns.created_at.slice(len), |at| at, bits),
            Column::UpdatedAt => kind.ints(columns.updated_at.slice(len), |at| at, bits),
            _ => one_by_one(bits, |slot| Self::test(columns, slot, test, 0)),
        }
    }
}

impl TestKind {
    fn ints<T: Copy>(&self, values: &[T], as_int: impl Fn(T) -> i64, bits: &mut LiveBits) {
        match self {
            Self::Int(op, constant) => by_op(*op, values, as_int, *constant, bits),
            kind => each(values, |value| kind.holds(&Datum::Int(as_int(value))), bits),
        }
    }

    fn reals<T: Copy>(&self, values: &[T], as_real: impl Fn(T) -> f32, bits: &mut LiveBits) {
        match self {
            Self::Real(op, constant) => by_op(*op, values, as_real, *constant, bits),
            kind => each(values, |value| kind.holds(&Datum::Real(as_real(value))), bits),
        }
    }

    fn codes(&self, values: &[u16], bits: &mut LiveBits) {
        each(values, |code| self.holds(&Datum::Code(code)), bits);
    }
}

/// A comparison as a loop of its own, which becomes vector code.
fn by_op<T: Copy, V: PartialOrd + Copy>(
    op: Op,
    values: &[T],
    value: impl Fn(T) -> V,
    constant: V,
    bits: &mut LiveBits,
) {
    match op {
        Op::Eq => each(values, |v| value(v) == constant, bits),
        Op::Ne => each(values, |v| value(v) != constant, bits),
        Op::Lt => each(values, |v| value(v) < constant, bits),
        Op::Le => each(values, |v| value(v) <= constant, bits),
        Op::Gt => each(values, |v| value(v) > constant, bits),
        Op::Ge => each(values, |v| value(v) >= constant, bits),
    }
}

/// Clear the bits of the values that do not pass; those beyond the last are clear.
fn each<T: Copy>(values: &[T], pass: impl Fn(T) -> bool, bits: &mut LiveBits) {
    let (words, rest) = values.as_chunks::<WORD>();
    for (word, values) in bits.iter_mut().zip(words) {
        let passed: [u8; WORD] = std::array::from_fn(|i| u8::from(pass(values[i])));
        *word &= packed(&passed);
    }
    if let Some(word) = bits.get_mut(words.len()) {
        *word &= rest.iter().zip(0..).fold(0, |word, (value, bit)| word | u64::from(pass(*value)) << bit);
    }
}

/// The lowest bits of 64 bytes.
fn packed(bytes: &[u8; WORD]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().zip(0..).fold(0, |word, (eight, number)| {
        // Each byte's bit is shifted to a place of its own in the highest byte.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word | bits << (8 * number)
    })
}

/// The same for tests that take long: only of the rows that are left.
fn one_by_one(bits: &mut LiveBits, pass: impl Fn(usize) -> bool) {
    for (number, word) in bits.iter_mut().enumerate() {
        let mut left = *word;
        while left != 0 {
            let slot = left.trailing_zeros();
            left &= left - 1;
            if !pass(number * WORD + slot as usize) {
                *word &= !(1 << slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::filter::{Predicate, Value};
    use crate::metric::{Metric, Norm};
    use crate::segment::row_at;
    use crate::snapshot::Snapshot;

    fn tokens() -> Snapshot {
        let mut snapshot = Snapshot::new(Catalog::new(None).unwrap());
        for id in 1..=5_000_u64 {
            let coords = std::array::from_fn(|axis| ((id * 31 + axis as u64 * 7) % 100) as f32 / 100.0);
            let (weight, kind) = ((id % 17) as f32 / 17.0, (id % 5) as u16);
            let key = (id % 3 == 0).then(|| format!("k{id}").into());
            let token = Token { id, coords, weight, kind, key, created_at: id as i64 * 10, ..Token::default() };
            snapshot.tokens.push(id, token).unwrap();
        }
        (0..5_000).step_by(13).for_each(|row| snapshot.tokens.delete(row));
        snapshot
    }

    #[test]
    fn it_says_the_same_as_row_by_row() {
        use Predicate::{And, Compare, Const, Distance, In, IsNull, Or};
        let snapshot = tokens();
        let compare = |op, column: &str, value| Compare(op, column.into(), value);
        let ops = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
        let mut predicates = vec![
            Const(true),
            Const(false),
            In("id".into(), vec![Value::Int(7), Value::Int(4_999), Value::Int(14)], false),
            In("id".into(), vec![Value::Int(7), Value::Int(4_999), Value::Int(14)], true),
            IsNull("key".into(), false),
            IsNull("key".into(), true),
            IsNull("weight".into(), true),
        ];
        for op in ops {
            predicates.extend([
                compare(op, "weight", Value::Float(5.0 / 17.0)),
                compare(op, "l3", Value::Float(0.5)),
                compare(op, "id", Value::Int(4_096)),
                compare(op, "id", Value::Float(100.5)),
                compare(op, "type", Value::Text("object".into())),
                compare(op, "key", Value::Text("k300".into())),
                compare(op, "flags", Value::Int(7)),
                compare(op, "created_at", Value::Time(25_000)),
                Distance(op, [0.5; 8], None, Norm::L2, 0.8),
                Distance(op, [0.5; 8], None, Norm::L1, 2.0),
            ]);
        }
        let some = predicates.clone();
        for pair in some.windows(2) {
            predicates.extend([And(pair.to_vec()), Or(pair.to_vec()), Or(vec![And(pair.to_vec()), Const(false)])]);
        }
        let metric = Metric::new([1.0; 8], [0.0; 8]);
        let mut passed = 0;
        for predicate in predicates {
            let filter = Filter::compile::<Token>(Some(&predicate), &snapshot, &metric).unwrap();
            let found: Vec<u32> = (0..snapshot.tokens.segments())
                .flat_map(|n| rows(row_at(n, 0), filter.sweep(snapshot.tokens.segment(n))))
                .collect();
            let expected: Vec<u32> = snapshot.tokens.live_rows().filter(|row| filter.token(&snapshot, *row)).collect();
            assert!(found == expected, "{predicate:?}");
            passed += found.len();
        }
        assert!(passed > 100_000);
    }
}
