//! Inspection of ONNX files before the runtime reads them.
//!
//! Takes the bytes of a `.onnx` file; returns nothing, or the reason why the file is refused.
//!
//! # Invariants
//!
//! A file that passes is whole protobuf, every weight lies inside it (no external data, so nothing outside the verified
//! bytes is ever read) and every operator is from the standard ONNX domain. The walk allocates nothing, its depth is
//! bounded, and it takes no encoding that another protobuf reader could understand differently.

use std::ops::Range;

use crate::base::error::{Error, Result};

/// The maximum depth of nested graphs (bodies of `If`, `Loop`, …) and the messages around them.
const MAX_DEPTH: usize = 64;

/// The protobuf messages of `onnx.proto` on the way to weights and operators.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Training,
    Graph,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
    Function,
}

/// The role of a message's field in the inspection.
enum Field {
    Child(Message),
    OperatorDomain,
    ExternalData,
    DataLocation,
    Other,
}

fn field(message: Message, number: u32) -> Field {
    use Field::{Child, DataLocation, ExternalData, OperatorDomain, Other};
    use Message::{Attribute, Function, Graph, Model, Node, SparseTensor, Tensor, Training};
    match (message, number) {
        (Model, 7) | (Training, 1 | 2) | (Attribute, 6 | 11) => Child(Graph),
        (Model, 20) => Child(Training),
        (Model, 25) => Child(Function),
        (Graph, 1) | (Function, 7) => Child(Node),
        (Graph, 5) | (Attribute, 5 | 10) | (SparseTensor, 1 | 2) => Child(Tensor),
        (Graph, 15) | (Attribute, 22 | 23) => Child(SparseTensor),
        (Node, 5) | (Function, 11) => Child(Attribute),
        (Node, 7) => OperatorDomain,
        (Tensor, 13) => ExternalData,
        (Tensor, 14) => DataLocation,
        _ => Other,
    }
}

/// Checks that a model contains only what a bundle's models may contain. `name` is the file's name in the error.
///
/// # Errors
///
/// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the file is refused.
pub(crate) fn inspect(name: &str, bytes: &[u8]) -> Result<()> {
    let refuse = |why: String| Error::invalid(format!("{name} is refused: {why}")).hint("export the bundle again");
    if bytes.is_empty() {
        return Err(refuse("it is empty".into()));
    }
    walk(Message::Model, bytes, 0).map_err(refuse)
}

/// A float weight of a model's main graph, and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight<'a> {
    /// The weight's name.
    pub name: &'a str,
    /// The size of each axis.
    pub dims: Vec<u64>,
    /// Whether the numbers are fp16; otherwise they are fp32.
    pub half: bool,
    /// The range of the weight's bytes in the file; numbers are little-endian.
    pub data: Range<usize>,
}

/// Finds the float weights (`raw_data` of the main graph's initializers) of a model that passed `inspect`.
///
/// # Errors
///
/// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the file is not an ONNX model.
pub fn weights<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<Weight<'a>>> {
    let refuse = |why: String| Error::invalid(format!("{name} is refused: {why}")).hint("export the bundle again");
    let mut found = Vec::new();
    for graph in children(bytes, 7).map_err(refuse)? {
        for tensor in children(graph, 5).map_err(refuse)? {
            found.extend(weight(bytes, tensor).map_err(refuse)?);
        }
    }
    Ok(found)
}

/// Parses a `TensorProto` (dims 1, data_type 2, name 8, raw_data 9); `None` if it does not hold floats.
fn weight<'a>(file: &[u8], mut rest: &'a [u8]) -> Result<Option<Weight<'a>>, String> {
    let (mut name, mut dims, mut kind, mut data) = ("", Vec::new(), 0, None);
    while !rest.is_empty() {
        let key = key(&mut rest)?;
        match (key & 7, key >> 3) {
            (2, 1) => {
                let mut packed = block(&mut rest)?;
                while !packed.is_empty() {
                    dims.push(varint(&mut packed)?);
                }
            }
            (0, 1) => dims.push(varint(&mut rest)?),
            (0, 2) => kind = varint(&mut rest)?,
            (2, 8) => name = std::str::from_utf8(block(&mut rest)?).map_err(|_| no_model())?,
            (2, 9) => data = Some(block(&mut rest)?),
            (wire, _) => skip(wire, &mut rest)?,
        }
    }
    // Returns the offset of a slice in the file.
    let place = |slice: &[u8]| slice.as_ptr() as usize - file.as_ptr() as usize;
    Ok(match (kind, data) {
        (1 | 10, Some(data)) => {
            Some(Weight { name, dims, half: kind == 10, data: place(data)..place(data) + data.len() })
        }
        _ => None,
    })
}

/// Returns every length-delimited field of this number.
fn children(mut rest: &[u8], number: u32) -> Result<Vec<&[u8]>, String> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = key(&mut rest)?;
        match (key & 7, key >> 3) {
            (2, n) if n == number => found.push(block(&mut rest)?),
            (wire, _) => skip(wire, &mut rest)?,
        }
    }
    Ok(found)
}

fn block<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = usize::try_from(varint(rest)?).map_err(|_| truncated())?;
    take(rest, length)
}

fn skip(wire: u32, rest: &mut &[u8]) -> Result<(), String> {
    match wire {
        0 => drop(varint(rest)?),
        1 => drop(take(rest, 8)?),
        2 => drop(block(rest)?),
        5 => drop(take(rest, 4)?),
        _ => return Err(no_model()),
    }
    Ok(())
}

fn walk(message: Message, mut rest: &[u8], depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("its graphs are nested too deeply".into());
    }
    while !rest.is_empty() {
        let key = key(&mut rest)?;
        let field = field(message, key >> 3);
        match (key & 7, field) {
            (2, field) => {
                let value = block(&mut rest)?;
                match field {
                    Field::Child(child) => walk(child, value, depth + 1)?,
                    Field::ExternalData => return Err("it keeps weights in another file".into()),
                    Field::OperatorDomain if !matches!(value, b"" | b"ai.onnx") => {
                        let domain = String::from_utf8_lossy(&value[..value.len().min(60)]).escape_debug().to_string();
                        return Err(format!(
                            "it uses operators of the domain \"{domain}\"; only standard ONNX operators are allowed"
                        ));
                    }
                    _ => {}
                }
            }
            (0, Field::DataLocation) => {
                if varint(&mut rest)? != 0 {
                    return Err("it keeps weights in another file".into());
                }
            }
            (wire, Field::Other) => skip(wire, &mut rest)?,
            _ => return Err(no_model()),
        }
    }
    Ok(())
}

/// Reads a field's number and wire type. Readers cut longer keys to 32 bits, each in its own way: only the one encoding
/// that all read alike passes, or a field could be unknown here and known to the runtime.
fn key(rest: &mut &[u8]) -> Result<u32, String> {
    let before = rest.len();
    let key = u32::try_from(varint(rest)?).map_err(|_| no_model())?;
    let shortest = (32 - key.leading_zeros()).div_ceil(7) as usize;
    if key >> 3 == 0 || before - rest.len() != shortest {
        return Err(no_model());
    }
    Ok(key)
}

/// Reads a varint of at most ten bytes, with no bit beyond 64.
fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(no_model())
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (value, tail) = rest.split_at_checked(count).ok_or_else(truncated)?;
    *rest = tail;
    Ok(value)
}

fn truncated() -> String {
    "it is cut short".into()
}

fn no_model() -> String {
    "it is not an ONNX model".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a length-delimited field.
    fn nested(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, content.len() as u8];
        bytes.extend_from_slice(content);
        bytes
    }

    fn reason(bytes: &[u8]) -> String {
        inspect("m.onnx", bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_plain_model_passes() {
        let node = nested(1, &nested(4, b"MatMul"));
        let weight = nested(5, &nested(9, &[0, 0, 128, 63]));
        inspect("m.onnx", &nested(7, &[node, weight].concat())).unwrap();
    }

    #[test]
    fn external_data_is_refused_wherever_it_hides() {
        let entry = nested(13, &nested(1, b"location"));
        for tensor in [entry, vec![14 << 3, 1]] {
            assert!(reason(&nested(7, &nested(5, &tensor))).contains("another file"));
            // In the body of an If: graph > node > attribute > graph > initializer.
            let body = nested(7, &nested(1, &nested(5, &nested(6, &nested(5, &tensor)))));
            assert!(reason(&body).contains("another file"));
            // In a constant: graph > node > attribute > tensor.
            assert!(reason(&nested(7, &nested(1, &nested(5, &nested(5, &tensor))))).contains("another file"));
        }
    }

    #[test]
    fn keys_that_readers_understand_differently_are_refused() {
        let location = nested(1, b"location");
        let external_data = |key: &[u8]| [key, &[location.len() as u8], &location[..]].concat();
        for tensor in [
            vec![0xf0, 0x80, 0x80, 0x80, 0x10, 1],          // data_location, with bit 32 set
            external_data(&[0xea, 0x80, 0x80, 0x80, 0x10]), // external_data, with bit 32 set
            external_data(&[0xea, 0x80, 0x80, 0x80, 0x80, 0x20]), // and with bit 40
            vec![0xf0, 0x00, 1],                            // data_location, not in its shortest form
            vec![0xf0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 1], // with a bit beyond 64
            vec![0x00, 1],                                  // field 0
            vec![0x02, 0],
            vec![0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], // a value of more than 64 bits
        ] {
            assert!(reason(&nested(7, &nested(5, &tensor))).contains("not an ONNX model"), "{tensor:02x?}");
        }
        // Ten bytes are how protobuf writes a negative number, and the largest key is a key.
        let negative = [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let largest = [0xf8, 0xff, 0xff, 0xff, 0x0f, 0];
        inspect("m.onnx", &nested(7, &nested(5, &[&negative[..], &largest].concat()))).unwrap();
    }

    #[test]
    fn foreign_operators_are_refused() {
        let text = reason(&nested(7, &nested(1, &nested(7, b"evil\x1b[2J"))));
        assert!(text.contains("standard ONNX operators") && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn broken_files_are_refused_without_panic() {
        assert!(reason(b"").contains("empty"));
        assert!(reason(b"\x3a\x7f").contains("cut short"));
        assert!(reason(&[0xff; 40]).contains("not an ONNX model"));
        assert!(inspect("m.onnx", b"<!DOCTYPE html><html>404</html>").is_err());
        let mut deep = Vec::new();
        for _ in 0..20 {
            deep = nested(1, &nested(5, &nested(6, &deep)));
            if deep.len() > 100 {
                break;
            }
        }
        inspect("m.onnx", &nested(7, &deep)).unwrap();
    }
}
