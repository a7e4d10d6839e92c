//! Numbers and names as people read them, in both languages.

use super::roi::{AmountSource, AmountUnit, CostInput, Figure};
use crate::base::currency::Currency;
use crate::eval::evaluation::{ComparisonVerdict, Measure, WarningCode};
use crate::html::Lang;

/// A number with as many digits as it is good for.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 1000.0 => {
            let digits = format!("{:.0}", value.abs());
            let mut out = String::new();
            for (i, digit) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i).is_multiple_of(3) {
                    out.push('\u{202f}'); // a narrow space, which both languages read the same way
                }
                out.push(digit);
            }
            if value < 0.0 { format!("−{out}") } else { out }
        }
        size if size >= 100.0 => minus(format!("{value:.0}")),
        size if size >= 10.0 => minus(format!("{value:.1}")),
        size if size >= 0.1 => minus(format!("{value:.2}")),
        _ => minus(format!("{value:.4}")),
    }
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

/// Money.
pub(crate) fn money(value: f64, currency: Currency) -> String {
    format!("{}\u{a0}{currency}", number(value))
}

/// A share in percent.
pub fn percent(value: f64) -> String {
    minus(format!("{:.0}\u{a0}%", 100.0 * value + 0.0))
}

/// A measure's value.
pub fn score(value: f64, measure: Measure) -> String {
    match measure {
        measure if measure.is_share() => percent(value),
        Measure::ImageText => minus(format!("{value:.1}")),
        _ => minus(format!("{value:.3}")),
    }
}

/// A difference of a measure, with its sign.
pub fn signed(value: f64, measure: Measure) -> String {
    let text = score(value, measure);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// An amount in its unit.
pub(crate) fn amount(value: f64, unit: AmountUnit, currency: Currency, lang: Lang) -> String {
    let with = |en: &str, ja: &str| format!("{}\u{a0}{}", number(value), lang.t(en, ja));
    match unit {
        AmountUnit::Money => money(value, currency),
        AmountUnit::Share => percent(value),
        AmountUnit::Times => number(value),
        AmountUnit::Images => with("images", "点"),
        AmountUnit::Days => with("days", "日"),
        AmountUnit::Hours => with("h", "時間"),
        AmountUnit::Minutes => with("min", "分"),
        AmountUnit::Seconds => with("s", "秒"),
        AmountUnit::Months => with("months", "か月"),
        AmountUnit::Megabytes => with("MB", "MB"),
        AmountUnit::Watts => with("W", "W"),
    }
}

/// A measure's name.
pub fn measure(measure: Measure, lang: Lang) -> &'static str {
    match measure {
        Measure::StyleConsistency => lang.t("style consistency", "スタイル一貫性"),
        Measure::StyleHeld => lang.t("style held", "スタイル基準達成"),
        Measure::StyleRight => lang.t("style right", "スタイル正答"),
        Measure::StyleProbability => lang.t("style probability", "スタイル確率"),
        Measure::CategoryTop1 => lang.t("category right (top 1)", "題材正答（1 位）"),
        Measure::CategoryTop5 => lang.t("category right (top 5)", "題材正答（5 位以内）"),
        Measure::CategoryProbability => lang.t("category probability", "題材確率"),
        Measure::ImageText => lang.t("image-text agreement", "画像と文の一致"),
        Measure::PaletteCoverage => lang.t("palette coverage", "ブランド色の割合"),
        Measure::Diversity => lang.t("diversity", "多様性"),
    }
}

/// The conclusion from a difference.
pub fn verdict(verdict: ComparisonVerdict, lang: Lang) -> &'static str {
    match verdict {
        ComparisonVerdict::InHouse => lang.t("house better", "社内が上"),
        ComparisonVerdict::Outsourced => lang.t("bought better", "外注が上"),
        ComparisonVerdict::NotEnoughEvidence => lang.t("not enough evidence", "証拠不十分"),
    }
}

/// A figure's name.
pub(crate) fn figure(figure: Figure, lang: Lang) -> &'static str {
    match figure {
        Figure::HouseVariable => lang.t("One more image that is taken, made", "追加 1 点の社内費用"),
        Figure::HouseFixed => lang.t("Fixed cost a month, made", "社内の月間固定費"),
        Figure::HouseCost => lang.t("An image that is taken, made", "採用画像 1 点（社内）"),
        Figure::VendorCost => lang.t("An image that is taken, bought", "採用画像 1 点（外注）"),
        Figure::Saving => lang.t("Saving by making", "社内制作による削減率"),
        Figure::BreakEven => lang.t("Break-even volume a month", "損益分岐点（月間）"),
        Figure::HouseYear => lang.t("Twelve months, made", "12 か月（社内）"),
        Figure::VendorYear => lang.t("Twelve months, bought", "12 か月（外注）"),
        Figure::Payback => lang.t("Setting up has paid back after", "初期費用の回収期間"),
        Figure::FirstPass => lang.t("Passed the gate at first attempt", "初回合格率"),
        Figure::HouseRounds => lang.t("Attempts a job, made", "試行回数（社内）"),
        Figure::VendorRounds => lang.t("Revision rounds, bought", "修正回数（外注）"),
        Figure::HouseLead => lang.t("Lead time of this campaign, made", "所要日数（社内）"),
        Figure::VendorLead => lang.t("Lead time, bought", "所要日数（外注）"),
    }
}

/// An input in words.
pub fn input(input: CostInput, lang: Lang) -> &'static str {
    let ja = match input {
        CostInput::Volume => "月に必要な採用点数",
        CostInput::HourlyRate => "人件費（1 時間）",
        CostInput::HoursPerDay => "1 日の作業時間",
        CostInput::MachinePerHour => "計算機（1 時間）",
        CostInput::Watts => "消費電力",
        CostInput::EnergyPerKwh => "電力単価（kWh）",
        CostInput::Utilisation => "計算機の稼働率",
        CostInput::Megabytes => "1 点の保存容量",
        CostInput::StoragePerGbMonth => "保存単価（GB・月）",
        CostInput::MonthsKept => "保存期間",
        CostInput::LicencesPerMonth => "ライセンス（月）",
        CostInput::Training => "学習 1 回の費用",
        CostInput::TrainingsPerYear => "年間の学習回数",
        CostInput::Setup => "初期費用",
        CostInput::BriefMinutes => "指示の時間（社内、1 点）",
        CostInput::ReviewMinutes => "確認の時間（社内、1 点）",
        CostInput::Approval => "合格画像の採用率（社内）",
        CostInput::Price => "外注単価",
        CostInput::RevisionRounds => "修正回数（外注）",
        CostInput::LeadDays => "発注から納品までの日数",
        CostInput::RevisionPrice => "修正 1 回の費用",
        CostInput::Retainer => "外注の月額固定費",
        CostInput::VendorBriefMinutes => "指示の時間（外注、1 点）",
        CostInput::VendorReviewMinutes => "確認の時間（外注、1 回）",
        CostInput::VendorApproval => "納品画像の採用率（外注）",
        CostInput::GateYield => "自動検査の合格率",
        CostInput::FirstPass => "初回合格率",
        CostInput::Attempts => "1 件の試行回数",
        CostInput::Seconds => "1 件の計算時間",
        CostInput::Batch => "評価したキャンペーンの点数",
    };
    lang.t(input.about(), ja)
}

/// Whose word an input is.
pub fn source(source: &AmountSource, lang: Lang) -> String {
    match source {
        AmountSource::Measured { images } => {
            lang.t(format!("measured on {images} images"), format!("{images} 点で実測"))
        }
        AmountSource::Model { path, line } => {
            lang.t(format!("cost model, line {line}: {path}"), format!("費用モデル {line} 行目：{path}"))
        }
        AmountSource::LeftOut { path } => {
            lang.t(format!("left out of the cost model ({path})"), format!("費用モデルに記載なし（{path}）"))
        }
    }
}

/// What a warning is about; its own words are English.
pub fn warning(code: WarningCode, lang: Lang) -> &'static str {
    match code {
        WarningCode::JudgeIsGuide => lang.t("The judge guided the drawing", "評価器が生成を誘導している"),
        WarningCode::GateSelected => lang.t("The gate chose by these scores", "自動検査がこの点数で選別済み"),
        WarningCode::Memorised => lang.t("Memorisation", "学習画像の丸写しの疑い"),
        WarningCode::Duplicates => lang.t("Near-duplicates", "ほぼ同一の画像"),
        WarningCode::NoReferences => lang.t("No references", "参照画像なし"),
        WarningCode::FewReferences => lang.t("Few references", "参照画像が少ない"),
        WarningCode::WeakSeparation => {
            lang.t("The judge hardly tells this style apart", "評価器がスタイルを識別しにくい")
        }
        WarningCode::Unscored => lang.t("Images without scores", "点数のない画像"),
        WarningCode::Unfinished => lang.t("Unfinished jobs", "未完了の作業"),
        WarningCode::Unpaired => lang.t("Briefs that only one side answers", "片方だけが応えた依頼"),
        WarningCode::Unbalanced => lang.t("Unequal numbers of images", "画像数の偏り"),
        WarningCode::FewBriefs => lang.t("Few briefs", "依頼数が少ない"),
        WarningCode::Currencies => lang.t("Several currencies", "複数の通貨"),
        WarningCode::MissingFacts => lang.t("Missing prices, dates or rounds", "価格・日付・修正回数の欠落"),
        WarningCode::LowDiversity => lang.t("Over-specialisation", "過度の画一化"),
        WarningCode::UnknownToEvaluator => lang.t("Unknown to the judge", "評価器が知らない名前"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (value, read) in [
            (0.0, "0"),
            (1234567.4, "1\u{202f}234\u{202f}567"),
            (-1000.0, "−1\u{202f}000"),
            (123.4, "123"),
            (12.34, "12.3"),
            (3.456, "3.46"),
            (0.0123, "0.0123"),
        ] {
            assert_eq!(number(value), read);
        }
        assert_eq!((percent(0.126), signed(0.2, Measure::Diversity)), ("13\u{a0}%".into(), "+0.200".into()));
        assert_eq!(percent(-0.0), "0\u{a0}%");
    }
}
