//! Parses YAML into a small tree in which every value knows its line and column.
//!
//! Takes the text of one file; returns a [`YamlNode`], or the one reason why it is not readable YAML.
//!
//! # Invariants
//!
//! Time and memory are bounded by [`limits`], whatever the text says (size, depth, aliases, number and length of
//! values).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter, budget::BudgetBreach};

use crate::base::{limits, text};

/// A value and where it is used.
#[derive(Clone, Debug)]
pub(super) struct YamlNode {
    pub value: YamlValue,
    pub line: u32,
    pub column: u32,
}

/// A value of YAML.
#[derive(Clone, Debug)]
pub(super) enum YamlValue {
    Null,
    Bool(bool),
    Integer(i128),
    Number(f64),
    Text(String),
    /// A text over [`limits::TEXT`]: only its length is kept.
    LongText(usize),
    List(Vec<YamlNode>),
    /// In the file's order, duplicates included: the reader reports them all.
    Map(Vec<(YamlNode, YamlNode)>),
}

impl YamlValue {
    /// What it is, for a sentence that begins with "expected …, got".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(b) => format!("the truth value `{b}`"),
            Self::Integer(n) => format!("the number {n}"),
            Self::Number(n) => format!("the number {n}"),
            Self::Text(t) => format!("the text {}", text::show(t)),
            Self::LongText(n) => format!("a text of {n} characters"),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a mapping".into(),
        }
    }
}

/// Parses one document, or says why that is impossible: line, column (0 when unknown) and reason.
pub(super) fn parse(yaml: &str) -> Result<YamlNode, (u32, u32, String)> {
    if yaml.len() > limits::FILE_BYTES {
        return Err((0, 0, format!("the file has {} bytes, at most {} are read", yaml.len(), limits::FILE_BYTES)));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::DEPTH,
            flow_nesting_limit: limits::DEPTH + 1,
            max_nodes: limits::NODES,
            max_events: 3 * limits::NODES,
            max_documents: 1,
            max_aliases: limits::ALIASED_NODES,
            max_anchors: limits::ALIASED_NODES,
            max_recorded_anchor_events: limits::NODES,
            max_recorded_anchor_bytes: limits::FILE_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits::ALIASED_NODES,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let place = error.location().map_or((0, 0), |at| (narrow(at.line()), narrow(at.column())));
        (place.0, place.1, reason(&error))
    })
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn reason(error: &Error) -> String {
    let limit = |what: &str, n: usize| format!("{what}, at most {n} are allowed");
    match error.without_snippet() {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => limit("lists and mappings are nested too deep", limits::DEPTH),
            BudgetBreach::Documents { .. } => "the file holds several documents; one file says one thing".into(),
            BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
                limit("the file holds too many values", limits::NODES)
            }
            _ => limit("too many or too large anchors and aliases", limits::ALIASED_NODES),
        },
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            limit("aliases multiply into too many values", limits::ALIASED_NODES)
        }
        Error::MultipleDocuments { .. } => "the file holds several documents; one file says one thing".into(),
        Error::Eof { .. } => "the file is empty or ends too early".into(),
        Error::AliasError { error, .. } => reason(error),
        other => {
            let message = UserMessageFormatter.format_message(other);
            let short: String = message.chars().take(200).collect();
            format!("not readable as YAML: {}", text::escape(&short))
        }
    }
}

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = serde_saphyr::Spanned::<YamlValue>::deserialize(deserializer)?;
        Ok(Self { value: node.value, line: narrow(node.referenced.line()), column: narrow(node.referenced.column()) })
    }
}

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeBuilder)
    }
}

struct TreeBuilder;

impl<'de> Visitor<'de> for TreeBuilder {
    type Value = YamlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<YamlValue, E> {
        Ok(YamlValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<YamlValue, E> {
        Ok(YamlValue::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<YamlValue, E> {
        Ok(if value.len() > limits::TEXT {
            YamlValue::LongText(value.chars().count())
        } else {
            YamlValue::Text(value.into())
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<YamlValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(YamlValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<YamlValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(YamlValue::Map(map))
    }
}
