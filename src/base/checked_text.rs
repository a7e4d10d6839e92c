//! The macro that gives a checked text its conversions: through `FromStr` and `Display`, for serde and for JSON Schema.

/// Derives what every checked text shares: (de)serialising through its text, and its JSON Schema.
macro_rules! checked_text {
    ($type:ident, $pattern:expr, $about:expr) => {
        $crate::base::checked_text::text_conversions!($type);

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern, "description": $about})
            }
        }
    };
}
pub(crate) use checked_text;

/// Converts to and from `String` through `Display` and `FromStr`, as `#[serde(try_from = "String", into = "String")]`
/// asks.
macro_rules! text_conversions {
    ($type:ident) => {
        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    };
}
pub(crate) use text_conversions;
