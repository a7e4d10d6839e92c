//! Colour difference: sRGB to CIE L*a*b*, and ΔE2000. Pure.
//!
//! Takes bytes of an sRGB picture; returns [`Lab`] (D65, 2° observer) and ΔE2000. Checked against scikit-image's
//! `rgb2lab` and `deltaE_ciede2000` and the pairs of Sharma et al. (`tests/fixtures/evidence.json`).

/// A colour in CIE L*a*b*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    /// The lightness, 0 to 100.
    pub l: f64,
    /// The axis from green (negative) to red.
    pub a: f64,
    /// The axis from blue (negative) to yellow.
    pub b: f64,
}

impl Lab {
    /// Converts the colour of a pixel (IEC 61966-2-1, CIE 15).
    pub fn of(rgb: [u8; 3]) -> Self {
        let [r, g, b] = rgb.map(|value| {
            let value = f64::from(value) / 255.0;
            if value > 0.04045 { libm::pow((value + 0.055) / 1.055, 2.4) } else { value / 12.92 }
        });
        let white = [0.95047, 1.0, 1.08883];
        let xyz = [
            0.412_453 * r + 0.357_580 * g + 0.180_423 * b,
            0.212_671 * r + 0.715_160 * g + 0.072_169 * b,
            0.019_334 * r + 0.119_193 * g + 0.950_227 * b,
        ];
        let bend = |i: usize| {
            let share = xyz[i] / white[i];
            if share > 0.008_856 { libm::cbrt(share) } else { 7.787 * share + 16.0 / 116.0 }
        };
        let [x, y, z] = [bend(0), bend(1), bend(2)];
        Self { l: 116.0 * y - 16.0, a: 500.0 * (x - y), b: 200.0 * (y - z) }
    }

    /// Returns ΔE2000: about 1 is just noticeable, 2 to 10 are seen at a glance, over 50 are opposites.
    ///
    /// G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
    /// data and mathematical observations", Color Research & Application 30 (2005).
    pub fn delta_e_2000(self, other: Self) -> f64 {
        let chroma = |a: f64, b: f64| libm::hypot(a, b);
        let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25f64.powi(7))).sqrt();
        let grey = 0.5 * (1.0 - seventh((chroma(self.a, self.b) + chroma(other.a, other.b)) / 2.0));
        let (a1, a2) = ((1.0 + grey) * self.a, (1.0 + grey) * other.a);
        let (c1, c2) = (chroma(a1, self.b), chroma(a2, other.b));
        let hue = |a: f64, b: f64| {
            if a == 0.0 && b == 0.0 { 0.0 } else { libm::atan2(b, a).to_degrees().rem_euclid(360.0) }
        };
        let (h1, h2) = (hue(a1, self.b), hue(a2, other.b));
        let coloured = c1 * c2 != 0.0;
        let turn = match h2 - h1 {
            _ if !coloured => 0.0,
            turn if turn > 180.0 => turn - 360.0,
            turn if turn < -180.0 => turn + 360.0,
            turn => turn,
        };
        let (dl, dc) = (other.l - self.l, c2 - c1);
        let dh = 2.0 * (c1 * c2).sqrt() * libm::sin((turn / 2.0).to_radians());
        let (l, c) = ((self.l + other.l) / 2.0, (c1 + c2) / 2.0);
        let h = match h1 + h2 {
            sum if !coloured => sum,
            sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
            sum if sum < 360.0 => (sum + 360.0) / 2.0,
            sum => (sum - 360.0) / 2.0,
        };
        let cos = |degrees: f64| libm::cos(degrees.to_radians());
        let t =
            1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0) - 0.20 * cos(4.0 * h - 63.0);
        let from_middle = (l - 50.0).powi(2);
        let sl = 1.0 + 0.015 * from_middle / (20.0 + from_middle).sqrt();
        let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
        let rotation = -libm::sin((60.0 * libm::exp(-((h - 275.0) / 25.0).powi(2))).to_radians()) * 2.0 * seventh(c);
        let (l, c, h) = (dl / sl, dc / sc, dh / sh);
        (l * l + c * c + h * h + rotation * c * h).max(0.0).sqrt()
    }
}
