//! DNS and DHCP messages in tcpdump's words.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The maximum number of answers that are listed. A packet has room for
/// thousands, each of which may refer to the same long name.
const MOST: u16 = 20;

/// The maximum length of a name, in bytes (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

/// Describes a DNS message (RFC 1035, section 4): the question, or its result.
pub fn dns(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (flags, questions) = (number(2)?, number(4)?);
    let mut at = 12;
    let mut asked = String::new();
    for _ in 0..questions {
        let name = name(bytes, &mut at)?;
        asked = format!("{}? {name}", kind(number(at)?));
        at += 4;
    }
    if flags & 0x8000 == 0 {
        return (questions > 0).then_some(asked);
    }
    let counts = [number(6)?, number(8)?, number(10)?];
    let mut text = match flags & 0xf {
        0 => String::new(),
        1 => "FormErr ".into(),
        2 => "ServFail ".into(),
        3 => "NXDomain ".into(),
        4 => "NotImp ".into(),
        5 => "Refused ".into(),
        code => format!("Resp{code} "),
    };
    text += &counts.map(|count| count.to_string()).join("/");
    let mut answers = Vec::new();
    for nth in 0..counts[0] {
        if nth == MOST {
            answers.push("…".into());
            break;
        }
        name(bytes, &mut at)?;
        let (word, length) = (kind(number(at)?), usize::from(number(at + 8)?));
        let mut start = at + 10;
        let data = bytes.get(start..start + length)?;
        at = start + length;
        answers.push(match word.as_str() {
            "A" => format!("A {}", Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
            "AAAA" => format!("AAAA {}", Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)),
            "CNAME" | "NS" | "PTR" => format!("{word} {}", name(bytes, &mut start)?),
            _ => word,
        });
    }
    if !answers.is_empty() {
        text += &format!(" {}", answers.join(", "));
    }
    Some(text)
}

/// Reads a name (RFC 1035, section 4.1.4), which may continue elsewhere.
fn name(bytes: &[u8], at: &mut usize) -> Option<String> {
    let mut name = String::new();
    let mut here = *at;
    let mut jumped = false;
    // At most as many jumps as labels: a name in a loop is invalid.
    for _ in 0..128 {
        match *bytes.get(here)? {
            0 => {
                if !jumped {
                    *at = here + 1;
                }
                return Some(if name.is_empty() { ".".into() } else { name });
            }
            length if length & 0xc0 == 0xc0 => {
                let to = usize::from(length & 0x3f) << 8 | usize::from(*bytes.get(here + 1)?);
                if !jumped {
                    *at = here + 2;
                }
                (here, jumped) = (to, true);
            }
            length => {
                let end = here + 1 + usize::from(length);
                name += &String::from_utf8_lossy(bytes.get(here + 1..end)?);
                name.push('.');
                // After a pointer, the same label may repeat endlessly.
                if name.len() > 3 * LONGEST {
                    return None;
                }
                here = end;
            }
        }
    }
    None
}

fn kind(number: u16) -> String {
    let name = match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        41 => "OPT",
        255 => "ANY",
        other => return format!("Type{other}"),
    };
    name.into()
}

/// Describes a DHCP message (RFC 2131): its type, and the address that it is
/// about.
pub fn dhcp(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes.get(240..)?;
    let kind = loop {
        match rest {
            [0, more @ ..] => rest = more,
            [53, 1, kind, ..] => break *kind,
            [255, ..] | [] | [_] => return None,
            [_, length, ..] => rest = rest.get(2 + usize::from(*length)..)?,
        }
    };
    let name = match kind {
        1 => "Discover",
        2 => "Offer",
        3 => "Request",
        4 => "Decline",
        5 => "ACK",
        6 => "NACK",
        7 => "Release",
        8 => "Inform",
        _ => "DHCP",
    };
    let yours: [u8; 4] = bytes.get(16..20)?.try_into().ok()?;
    let to = if yours == [0; 4] { String::new() } else { format!(", Your-IP {}", Ipv4Addr::from(yours)) };
    Some(format!("{name}{to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_its_answer() {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x03web\x09mycompany\x03com\0\0\x01\0\x01");
        assert_eq!(dns(&bytes).unwrap(), "A? web.mycompany.com.");
        bytes[2] = 0x81;
        bytes[7] = 2;
        bytes.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x1e\0\x04\x01a\xc0\x10");
        bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01");
        assert_eq!(dns(&bytes).unwrap(), "2/0/0 CNAME a.mycompany.com., A 10.0.0.1");
        bytes.truncate(40);
        assert_eq!(dns(&bytes), None);
        // A name that refers to itself.
        let circle = b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
        assert_eq!(dns(circle), None);
    }
}
