//! Arrow in: record batches of any reasonable types, read as the columns that tokens and connections have.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type, UInt8Type, UInt16Type};
use arrow_array::{Array, ArrayRef, LargeListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::metric::Point;
use crate::request::{ConnectionPatch, NewConnection, NewToken, TokenPatch};
use crate::snapshot::TokenRef;

/// Positions as a column of eight-number lists, or as one column per axis.
enum Coords {
    None,
    Lists { values: PrimitiveArray<Float32Type>, lists: LargeListArray },
    Axes(Box<[Option<PrimitiveArray<Float32Type>>; 8]>),
}

/// Ends of connections, by id or by key.
enum Ends {
    Ids(PrimitiveArray<Int64Type>),
    Keys(StringArray),
}

impl Ends {
    #[inline]
    fn get(&self, row: usize) -> Result<TokenRef> {
        match self {
            Self::Ids(a) if a.is_valid(row) => Ok(TokenRef::Id(a.value(row))),
            Self::Keys(a) if a.is_valid(row) => Ok(TokenRef::Key(a.value(row).to_owned())),
            _ => Err(Error::bad_content(format!("row {}: source and target must not be null", row + 1))),
        }
    }
}

/// Names of types: of a column that has few, each is kept once.
enum Names {
    Texts(StringArray),
    Coded { codes: PrimitiveArray<Int32Type>, names: StringArray },
}

impl Names {
    #[inline]
    fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Texts(texts) => text(Some(texts), row),
            Self::Coded { codes, names } => text(Some(names), value(Some(codes), row)? as usize),
        }
    }
}

#[inline]
fn value<T: arrow_array::ArrowPrimitiveType>(column: Option<&PrimitiveArray<T>>, row: usize) -> Option<T::Native> {
    column.filter(|a| a.is_valid(row)).map(|a| a.value(row))
}

#[inline]
fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|a| a.is_valid(row)).map(|a| a.value(row))
}

/// One batch's columns, cast.
struct Reader<'a> {
    batch: &'a RecordBatch,
}

impl Reader<'_> {
    /// Refuse a column that is not in `known` and no axis.
    fn check(&self, known: &[&str], catalog: Option<&Catalog>) -> Result<()> {
        for field in self.batch.schema_ref().fields() {
            let name = field.name().as_str();
            if !known.contains(&name) && catalog.is_none_or(|c| c.axis(name).is_none()) {
                return Err(Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug()))
                    .hint(format!("columns: {}", known.join(", "))));
            }
        }
        Ok(())
    }

    fn column(&self, name: &str, to: &DataType) -> Result<Option<ArrayRef>> {
        let Some(array) = self.batch.column_by_name(name) else {
            return Ok(None);
        };
        cast(array, to, name).map(Some)
    }

    fn primitive<T: arrow_array::ArrowPrimitiveType>(&self, name: &str) -> Result<Option<PrimitiveArray<T>>> {
        Ok(self.column(name, &T::DATA_TYPE)?.map(|a| a.as_primitive::<T>().clone()))
    }

    fn strings(&self, name: &str) -> Result<Option<StringArray>> {
        let textual = |t: &DataType| match t {
            DataType::Dictionary(_, v) => {
                matches!(**v, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            }
            t => matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null),
        };
        if let Some(array) = self.batch.column_by_name(name).filter(|a| !textual(a.data_type())) {
            return Err(mismatch(name, &DataType::Utf8, array.data_type()));
        }
        Ok(self.column(name, &DataType::Utf8)?.map(|a| a.as_string::<i32>().clone()))
    }

    fn names(&self, name: &str) -> Result<Option<Names>> {
        match self.batch.column_by_name(name).map(|array| array.data_type()) {
            Some(DataType::Dictionary(_, values)) if values.is_string() => {
                let to = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                let column = self.column(name, &to)?;
                Ok(column.map(|array| {
                    let coded = array.as_dictionary::<Int32Type>();
                    Names::Coded { codes: coded.keys().clone(), names: coded.values().as_string::<i32>().clone() }
                }))
            }
            _ => Ok(self.strings(name)?.map(Names::Texts)),
        }
    }

    fn coords(&self, catalog: &Catalog) -> Result<Coords> {
        let mut axes: [Option<PrimitiveArray<Float32Type>>; 8] = std::array::from_fn(|_| None);
        for field in self.batch.schema_ref().fields() {
            if let Some(axis) = catalog.axis(field.name()) {
                axes[axis] = self.primitive(field.name())?;
            }
        }
        let Some(array) = self.batch.column_by_name("coords") else {
            let any = axes.iter().any(Option::is_some);
            return Ok(if any { Coords::Axes(Box::new(axes)) } else { Coords::None });
        };
        if axes.iter().any(Option::is_some) {
            return Err(Error::bad_content("both coords and single axes are given"));
        }
        let item = |t: &DataType| match t {
            DataType::FixedSizeList(f, _) | DataType::List(f) | DataType::LargeList(f) => Some(f.data_type().clone()),
            _ => None,
        };
        if item(array.data_type()).is_none_or(|t| !t.is_numeric() && t != DataType::Null) {
            return Err(mismatch("coords", &DataType::new_list(DataType::Float32, false), array.data_type()));
        }
        let lists = cast(array, &DataType::new_large_list(DataType::Float32, true), "coords")?;
        let lists = lists.as_list::<i64>().clone();
        Ok(Coords::Lists { values: lists.values().as_primitive::<Float32Type>().clone(), lists })
    }
}

fn cast(array: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let from = array.data_type();
    let numeric = |t: &DataType| t.is_numeric() || matches!(t, DataType::Null);
    if to.is_numeric() && !numeric(from) || (to.is_integer() && from.is_floating()) {
        return Err(mismatch(name, to, from));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|_| Error::out_of_range(format!("a value of column \"{name}\" is out of the range of its type")))
}

fn mismatch(name: &str, to: &DataType, from: &DataType) -> Error {
    Error::type_mismatch(format!("column \"{}\" must be {to}, not {from}", name.escape_debug()))
}

impl Coords {
    #[inline]
    fn all(&self, row: usize) -> Result<Option<Point>> {
        match self {
            Self::None => Ok(None),
            Self::Lists { values, lists } => {
                if lists.is_null(row) {
                    return Ok(None);
                }
                let (start, len) = (lists.value_offsets()[row] as usize, lists.value_length(row) as usize);
                let Ok(point) = Point::try_from(&values.values()[start..start + len]) else {
                    return Err(Error::invalid_text(format!(
                        "row {}: a point has eight coordinates, not {len}",
                        row + 1
                    )));
                };
                if values.nulls().is_some_and(|nulls| (start..start + len).any(|i| nulls.is_null(i))) {
                    return Err(Error::invalid_text(format!("row {}: a coordinate is null", row + 1)));
                }
                Ok(Some(point))
            }
            Self::Axes(axes) => {
                let mut point = [0.0; 8];
                for (axis, column) in axes.iter().enumerate() {
                    point[axis] = value(column.as_ref(), row)
                        .ok_or_else(|| Error::invalid_text(format!("row {}: axis {} is missing", row + 1, axis + 1)))?;
                }
                Ok(Some(point))
            }
        }
    }
}

/// Tokens to create or update, read out of one batch.
pub struct TokenBatch {
    id: Option<PrimitiveArray<Int64Type>>,
    key: Option<StringArray>,
    kind: Option<Names>,
    coords: Coords,
    weight: Option<PrimitiveArray<Float32Type>>,
    flags: Option<PrimitiveArray<UInt16Type>>,
    props: Option<StringArray>,
    /// Rows of the batch.
    pub len: usize,
}

impl TokenBatch {
    /// Cast the columns: 42703 for one that tokens lack, 42804 for a wrong type, 22003 for a value out of range.
    pub fn new(batch: &RecordBatch, catalog: &Catalog) -> Result<Self> {
        let reader = Reader { batch };
        reader.check(&["id", "key", "type", "coords", "weight", "flags", "props"], Some(catalog))?;
        Ok(Self {
            id: reader.primitive("id")?,
            key: reader.strings("key")?,
            kind: reader.names("type")?,
            coords: reader.coords(catalog)?,
            weight: reader.primitive("weight")?,
            flags: reader.primitive("flags")?,
            props: reader.strings("props")?,
            len: batch.num_rows(),
        })
    }

    /// A row as a token to create.
    #[inline]
    pub fn create(&self, row: usize) -> Result<NewToken<'_>> {
        let missing = || Error::invalid_text(format!("row {}: coords are missing", row + 1));
        Ok(NewToken {
            id: value(self.id.as_ref(), row),
            key: text(self.key.as_ref(), row),
            kind: self.kind.as_ref().and_then(|names| names.get(row)),
            coords: self.coords.all(row)?.ok_or_else(missing)?,
            weight: value(self.weight.as_ref(), row),
            flags: value(self.flags.as_ref(), row),
            props: text(self.props.as_ref(), row),
        })
    }

    /// A row as the id of a token and what to change of it: every column that is there, null removes key and props.
    pub fn update(&self, row: usize) -> Result<(i64, TokenPatch<'_>)> {
        let null = |name: &str| Error::invalid_text(format!("row {}: {name} must not be null", row + 1));
        let required = |present: bool, got: bool, name| if present && !got { Err(null(name)) } else { Ok(()) };
        let id = value(self.id.as_ref(), row).ok_or_else(|| null("id"))?;
        let mut patch = TokenPatch {
            key: self.key.as_ref().map(|_| text(self.key.as_ref(), row)),
            kind: self.kind.as_ref().and_then(|names| names.get(row)),
            weight: value(self.weight.as_ref(), row),
            flags: value(self.flags.as_ref(), row),
            props: self.props.as_ref().map(|_| text(self.props.as_ref(), row)),
            ..TokenPatch::default()
        };
        required(self.kind.is_some(), patch.kind.is_some(), "type")?;
        required(self.weight.is_some(), patch.weight.is_some(), "weight")?;
        required(self.flags.is_some(), patch.flags.is_some(), "flags")?;
        match &self.coords {
            Coords::Axes(axes) => {
                for (axis, column) in axes.iter().enumerate() {
                    patch.axes[axis] = value(column.as_ref(), row);
                    required(column.is_some(), patch.axes[axis].is_some(), "an axis")?;
                }
            }
            Coords::None => {}
            lists @ Coords::Lists { .. } => patch.coords = Some(lists.all(row)?.ok_or_else(|| null("coords"))?),
        }
        Ok((id, patch))
    }
}

/// Connections to create or update, read out of one batch.
pub struct ConnectionBatch {
    id: Option<PrimitiveArray<Int64Type>>,
    ends: Option<(Ends, Ends)>,
    kind: Option<Names>,
    weight: Option<PrimitiveArray<Float32Type>>,
    confidence: Option<PrimitiveArray<Float32Type>>,
    rigidity: Option<PrimitiveArray<Float32Type>>,
    mutability: Option<StringArray>,
    levels: Option<PrimitiveArray<UInt8Type>>,
    props: Option<StringArray>,
    /// Rows of the batch.
    pub len: usize,
}

impl ConnectionBatch {
    /// Cast the columns, with the errors of [`TokenBatch::new`].
    pub fn new(batch: &RecordBatch, create: bool) -> Result<Self> {
        let reader = Reader { batch };
        let mut known =
            vec!["id", "source", "target", "type", "weight", "confidence", "rigidity", "mutability", "levels", "props"];
        if !create {
            known.retain(|name| !["source", "target", "type"].contains(name));
        }
        reader.check(&known, None)?;
        let end = |name: &str| match batch.column_by_name(name).map(|a| a.data_type()) {
            Some(t) if t.is_integer() => Ok(reader.primitive(name)?.map(Ends::Ids)),
            Some(_) => Ok(reader.strings(name)?.map(Ends::Keys)),
            None => Ok(None),
        };
        Ok(Self {
            id: reader.primitive("id")?,
            ends: end("source")?.zip(end("target")?),
            kind: reader.names("type")?,
            weight: reader.primitive("weight")?,
            confidence: reader.primitive("confidence")?,
            rigidity: reader.primitive("rigidity")?,
            mutability: reader.strings("mutability")?,
            levels: reader.primitive("levels")?,
            props: reader.strings("props")?,
            len: batch.num_rows(),
        })
    }

    /// A row as a connection to create.
    #[inline]
    pub fn create(&self, row: usize) -> Result<NewConnection<'_>> {
        let (source, target) =
            self.ends.as_ref().ok_or_else(|| Error::bad_content("columns source and target are missing"))?;
        Ok(NewConnection {
            id: value(self.id.as_ref(), row),
            source: source.get(row)?,
            target: target.get(row)?,
            kind: self.kind.as_ref().and_then(|names| names.get(row)),
            weight: value(self.weight.as_ref(), row),
            confidence: value(self.confidence.as_ref(), row),
            rigidity: value(self.rigidity.as_ref(), row),
            mutability: text(self.mutability.as_ref(), row),
            levels: value(self.levels.as_ref(), row),
            props: text(self.props.as_ref(), row),
        })
    }

    /// A row as the id of a connection and what to change of it.
    pub fn update(&self, row: usize) -> Result<(i64, ConnectionPatch<'_>)> {
        let null = |name: &str| Error::invalid_text(format!("row {}: {name} must not be null", row + 1));
        let required = |present: bool, got: bool, name| if present && !got { Err(null(name)) } else { Ok(()) };
        let id = value(self.id.as_ref(), row).ok_or_else(|| null("id"))?;
        let patch = ConnectionPatch {
            weight: value(self.weight.as_ref(), row),
            confidence: value(self.confidence.as_ref(), row),
            rigidity: value(self.rigidity.as_ref(), row),
            mutability: text(self.mutability.as_ref(), row),
            levels: value(self.levels.as_ref(), row),
            props: self.props.as_ref().map(|_| text(self.props.as_ref(), row)),
        };
        required(self.weight.is_some(), patch.weight.is_some(), "weight")?;
        required(self.confidence.is_some(), patch.confidence.is_some(), "confidence")?;
        required(self.rigidity.is_some(), patch.rigidity.is_some(), "rigidity")?;
        required(self.mutability.is_some(), patch.mutability.is_some(), "mutability")?;
        required(self.levels.is_some(), patch.levels.is_some(), "levels")?;
        Ok((id, patch))
    }
}
