use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use proptest::prelude::*;

use super::*;
use crate::catalog::Catalog;
use crate::commit::Working;
use crate::cost::{End, Expression, Rows};
use crate::ops::mutate;
use crate::request::OnConflict;
use crate::snapshot::Snapshot;

fn connection(name: &str) -> Expression {
    Expression::Connection(name.to_owned())
}

fn unary(function: Unary, a: Expression) -> Expression {
    Expression::Unary(function, Box::new(a))
}

fn binary(function: Binary, a: Expression, b: Expression) -> Expression {
    Expression::Binary(function, Box::new(a), Box::new(b))
}

fn number(number: f64) -> Expression {
    Expression::Number(number)
}

fn hop() -> Expression {
    Expression::Distance(Place::End(End::From), Place::End(End::To))
}

fn world(points: &[Point], weights: &[(f32, f32)]) -> Snapshot {
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    let field = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Float32Array::from_iter_values(points.iter().flatten().copied());
    let coords: ArrayRef = Arc::new(FixedSizeListArray::new(field, 8, Arc::new(values), None));
    let tokens = RecordBatch::try_from_iter([("coords", coords)]).unwrap();
    mutate::create_tokens(&mut working, &[tokens], OnConflict::Fail).unwrap();
    let count = points.len() as i64;
    let (mut source, mut target, mut kind) = (Vec::new(), Vec::new(), Vec::new());
    for (i, _) in (0..).zip(weights) {
        source.push(i % count + 1);
        target.push((i * 7 + i / count) % count + 1);
        kind.push(format!("kind {i}"));
    }
    let column = |of: fn(&(f32, f32)) -> f32| Arc::new(Float32Array::from_iter_values(weights.iter().map(of)));
    let batch = RecordBatch::try_from_iter([
        ("source", Arc::new(Int64Array::from(source)) as ArrayRef),
        ("target", Arc::new(Int64Array::from(target))),
        ("type", Arc::new(StringArray::from(kind))),
        ("weight", column(|(weight, _)| *weight)),
        ("confidence", column(|(_, confidence)| *confidence)),
    ]);
    mutate::create_connections(&mut working, &[batch.unwrap()], OnConflict::Fail).unwrap();
    working.finish()
}

fn slope(expression: &Expression) -> f64 {
    let (snapshot, metric) = (world(&[], &[]), Metric::new([1.0; 8], [0.0; 8]));
    let cost = Cost::compile(expression, &snapshot, &metric).unwrap();
    cost.slope()
}

#[test]
fn what_grows_with_the_distance_is_known_to() {
    use Binary::{Add, Divide, Greatest, Least, Multiply, Power, Subtract};
    let (weight, confidence) = (|| connection("weight"), || connection("confidence"));
    for (expression, expected) in [
        (hop(), 1.0),
        (binary(Multiply, number(2.5), hop()), 2.5),
        (binary(Divide, hop(), number(4.0)), 0.25),
        (binary(Add, number(1.0), hop()), 1.0),
        (binary(Add, hop(), binary(Multiply, number(2.0), hop())), 3.0),
        (binary(Add, hop(), confidence()), 1.0),
        (binary(Multiply, hop(), binary(Add, number(1.0), confidence())), 1.0),
        (binary(Multiply, hop(), binary(Subtract, number(3.0), confidence())), 2.0),
        (binary(Divide, hop(), binary(Add, number(1.0), confidence())), 0.5),
        (binary(Multiply, binary(Add, number(2.0), hop()), binary(Add, number(3.0), hop())), 3.0),
        (binary(Multiply, unary(Unary::Abs, weight()), hop()), 0.0),
        (binary(Add, unary(Unary::Abs, weight()), hop()), 1.0),
        (binary(Multiply, binary(Greatest, number(0.5), weight()), hop()), 0.5),
        (binary(Greatest, hop(), number(0.1)), 1.0),
        (binary(Least, hop(), binary(Multiply, number(3.0), hop())), 1.0),
        (binary(Least, hop(), number(0.1)), 0.0),
        (binary(Greatest, hop(), weight()), 1.0),
        (unary(Unary::Exp, hop()), 1.0),
        (binary(Power, binary(Add, number(1.0), hop()), number(2.0)), 1.0),
        (binary(Subtract, hop(), number(-3.0)), 1.0),
        // Nothing is known of these.
        (weight(), 0.0),
        (binary(Multiply, hop(), weight()), 0.0),
        (binary(Add, hop(), weight()), 0.0),
        (binary(Subtract, hop(), confidence()), 0.0),
        (binary(Multiply, hop(), confidence()), 0.0),
        (binary(Greatest, hop(), unary(Unary::Sqrt, weight())), 1.0),
        (binary(Greatest, binary(Add, hop(), unary(Unary::Ln, weight())), number(0.0)), 0.0),
        // NaN is passed over by `greatest`: the distance is no floor where it may be one.
        (binary(Greatest, binary(Divide, binary(Multiply, hop(), weight()), weight()), confidence()), 0.0),
        (Expression::Distance(Place::End(End::To), Place::Point([0.5; 8])), 0.0),
        (Expression::Distance(Place::End(End::To), Place::End(End::To)), 0.0),
        (Expression::Distance(Place::End(End::To), Place::End(End::From)), 1.0),
        (binary(Multiply, number(f64::NAN), hop()), 0.0),
        (binary(Multiply, number(1e-300), hop()), 0.0),
    ] {
        let found = slope(&expression);
        assert!(found <= expected && found >= expected * (1.0 - 1e-11), "{expression:?}: {found}, not {expected}");
    }
}

#[test]
fn circles_are_left_out_of_the_floor() {
    let mut period = [0.0; 8];
    period[0] = 10.0;
    let snapshot = world(&[[9.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0; 8]], &[]);
    let floor = |metric: Metric| Cost::compile(&hop(), &snapshot, &metric).unwrap().floor(1);
    let known = floor(Metric::new([1.0; 8], period)).unwrap().from(&snapshot.coords(0));
    assert!(known <= 3.0 && known > 2.999_999);
    assert!(floor(Metric::new([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], period)).is_none());
    assert!(floor(Metric::new([0.0; 8], [0.0; 8])).is_none());
}

#[test]
fn floors_neither_overflow_nor_vanish() {
    let far = [[1e38, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0; 8]];
    let snapshot = world(&far, &[]);
    for (scale, expected) in [(1e200, 1e100), (1e100, 1e100), (1e-137, 1e-99 - 1e-100), (1e-150, 0.0)] {
        let cost = Cost::compile(&hop(), &snapshot, &Metric::new([scale; 8], [0.0; 8])).unwrap();
        let found = cost.floor(1).unwrap().from(&snapshot.coords(0));
        assert!(found <= expected && found >= expected * (1.0 - 1e-6), "{scale}: {found}");
        assert_eq!(cost.floor(1).unwrap().from(&snapshot.coords(1)), 0.0);
    }
}

fn expressions() -> impl Strategy<Value = Expression> {
    let place = prop_oneof![
        Just(Place::End(End::From)),
        Just(Place::End(End::To)),
        prop::array::uniform8(-2.0f32..2.0).prop_map(Place::Point)
    ];
    let leaf = prop_oneof![
        3 => Just(hop()),
        2 => (-3.0..3.0).prop_map(number),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, 2.0, -1.0, 1e-300, 1e300, 1e-120]).prop_map(number),
        2 => prop::sample::select(vec!["weight", "confidence", "rigidity", "levels", "evidence", "activations", "id"])
            .prop_map(connection),
        1 => prop::sample::select(vec!["weight", "l1", "flags", "id"])
            .prop_map(|name| Expression::Token(End::To, name.to_owned())),
        1 => (place.clone(), place).prop_map(|(a, b)| Expression::Distance(a, b)),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        use Binary::{Add, Divide, Greatest, Least, Multiply, Power, Subtract};
        let two = prop::sample::select(vec![Add, Subtract, Multiply, Divide, Power, Least, Greatest]);
        let one = prop::sample::select(vec![Unary::Negate, Unary::Abs, Unary::Sqrt, Unary::Exp, Unary::Ln]);
        prop_oneof![
            1 => (one, inner.clone()).prop_map(|(function, a)| unary(function, a)),
            3 => (two, inner.clone(), inner).prop_map(|(function, a, b)| binary(function, a, b)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_hop_costs_less(
        expression in expressions(),
        points in prop::collection::vec(prop::array::uniform8(-2.0f32..2.0), 2..5),
        weights in prop::collection::vec((prop_oneof![-10.0f32..10.0, Just(0.0)], 0.0f32..=1.0), 1..12),
        scale in prop::array::uniform8(prop_oneof![Just(0.0), 0.0..4.0]),
        circle in prop_oneof![Just(0.0), 0.1..3.0],
    ) {
        let mut period = [0.0; 8];
        period[0] = circle;
        let (snapshot, metric) = (world(&points, &weights), Metric::new(scale, period));
        let cost = Cost::compile(&expression, &snapshot, &metric).unwrap();
        let bound = cost.bound(&cost.node);
        for connection in snapshot.connections.live_rows() {
            let row = |id: u64| snapshot.tokens.find(id).unwrap();
            let known = snapshot.connections.read(connection);
            let rows = Rows { from: row(known.source), to: row(known.target), connection };
            let value = cost.value(&cost.node, rows);
            if value.is_nan() {
                prop_assert!(bound.nan, "{bound:?}");
                continue;
            }
            let distance = metric.distance(&snapshot.coords(rows.from), &snapshot.coords(rows.to));
            prop_assert!(bound.low <= value && value <= bound.high, "{value} {bound:?}");
            let floor = if distance == 0.0 { 0.0 } else { bound.slope * distance };
            prop_assert!(bound.slope < 0.0 || value >= floor, "{value} < {floor} {bound:?}");
        }
    }
}
