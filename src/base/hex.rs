//! Bytes written as lower-case hexadecimal digits, the one form in which this crate writes and takes hashes.

/// Writes `bytes` as two lower-case digits each.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(n.into(), 16)).collect()
}

/// Reads exactly `N` bytes from `2 * N` lower-case digits; `None` for anything else.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if !is_hex(text, 2 * N) {
        return None;
    }
    let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    Some(bytes)
}

/// Tells whether `text` is `digits` lower-case hexadecimal digits and nothing else.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let all: [u8; 256] = std::array::from_fn(|i| i as u8);
        assert_eq!(decode(&encode(&all)), Some(all));
        assert_eq!(encode(&[0, 255, 0x1a]), "00ff1a");
        for bad in ["", "00f", "00FF", "0g00", "00 f", "é0", "00ff1a"] {
            assert_eq!(decode::<2>(bad), None, "{bad}");
        }
    }
}
