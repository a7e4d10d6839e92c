//! Tells whether an IP address is on the public internet or in an allowed network.
//!
//! # Invariants
//!
//! An address that is not known to be public counts as private; an IPv4 address embedded in IPv6 is judged as IPv4.
//! Source of the tables: the IANA special-purpose address registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 networks that are not the public internet: this host, private, shared, loopback, link-local (cloud metadata),
/// protocol assignments, documentation, 6to4 relays, benchmarks, multicast, reserved.
const NOT_PUBLIC_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 networks in 2000::/3 that are not the public internet: protocol assignments (including Teredo), documentation,
/// 6to4. Nothing outside 2000::/3 is public.
const NOT_PUBLIC_V6: [([u16; 2], u8); 4] =
    [([0x2001, 0], 23), ([0x2001, 0xdb8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];

/// Returns whether the address is on the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |(net, length): &([u8; 4], u8)| {
                let mask = u32::MAX << (32 - length);
                address.to_bits() & mask == Ipv4Addr::from(*net).to_bits()
            };
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public(inner.into()),
            None => {
                let [a, b, ..] = address.segments();
                let head = (u32::from(a) << 16) | u32::from(b);
                let within = |([x, y], length): &([u16; 2], u8)| {
                    head & (u32::MAX << (32 - length)) == (u32::from(*x) << 16) | u32::from(*y)
                };
                a & 0xe000 == 0x2000 && !NOT_PUBLIC_V6.iter().any(within)
            }
        },
    }
}

/// Returns the IPv4 address inside a mapped (`::ffff:0:0/96`) or translated (`64:ff9b::/96`) one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let mapped = [a, b, c, d, e] == [0; 5] && f == 0xffff;
    let translated = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    (mapped || translated).then(|| Ipv4Addr::from_bits((u32::from(g) << 16) | u32::from(h)))
}

/// Returns whether the address is in one of these networks; a mapped IPv4 address is compared as IPv4.
pub fn within(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = match address {
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_internet_and_nothing_else() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for not in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(not.parse().unwrap()), "{not}");
        }
    }

    #[test]
    fn an_allowed_network_holds_its_mapped_addresses_too() {
        let networks = ["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"] {
            assert!(within(inside.parse().unwrap(), &networks), "{inside}");
        }
        for outside in ["10.2.0.1", "127.0.0.1", "::1"] {
            assert!(!within(outside.parse().unwrap(), &networks), "{outside}");
        }
    }
}
