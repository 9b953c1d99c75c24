// Turns Observations into tests with results. Pure: no page, no network.

const HIDDEN = new Set(["entered-in-error", "cancelled"]);
const FLAGS = { H: "high", HH: "high", HU: "high", ">": "high", L: "low", LL: "low", LU: "low", "<": "low",
  A: "abnormal", AA: "abnormal", N: "normal" };
const FLAG_WORDS = { high: "High", low: "Low", abnormal: "Abnormal", normal: "Normal", unknown: "" };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A FHIR date, dateTime or instant as {time: ms for the axis, text: as the laboratory wrote it}; null without one. */
export function readDate(text) {
  const parts = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(T.*)?)?)?$/.exec(text ?? "");
  if (parts === null) return null;
  const [, year, month, day, clock] = parts;
  const time = clock ? Date.parse(text) : Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1));
  if (Number.isNaN(time)) return null;
  const words = [day ? String(Number(day)) : "", month ? MONTHS[Number(month) - 1] : "", year].filter(Boolean).join(" ");
  return { time, text: words };
}

function conceptText(concept) {
  const coding = concept?.coding?.find((one) => one.display) ?? concept?.coding?.[0];
  return concept?.text ?? coding?.display ?? coding?.code ?? "";
}

function readValue(from) {
  const quantity = from.valueQuantity;
  if (quantity && typeof quantity.value === "number") {
    const unit = quantity.unit ?? quantity.code ?? "";
    const comparator = quantity.comparator ?? "";
    const say = (number) => `${comparator}${number}${unit ? ` ${unit}` : ""}`;
    return { value: quantity.value, comparator, unit, text: say(short(quantity)), exact: say(digits(quantity)) };
  }
  if (typeof from.valueInteger === "number") {
    return { value: from.valueInteger, comparator: "", unit: "", text: String(from.valueInteger), exact: String(from.valueInteger) };
  }
  const text = wordsOf(from);
  return { value: null, comparator: "", unit: "", text, exact: text };
}

// Some systems report a dozen decimals; five significant digits are enough beside a chart. The table has them all.
function short(quantity) {
  const text = digits(quantity);
  return /^-?\d+(\.\d{1,3})?$/.test(text) ? text : String(Number(quantity.value.toPrecision(5)));
}

function digits(quantity) {
  return quantity.written ?? String(quantity.value);
}

function wordsOf(from) {
  if (from.valueCodeableConcept) return conceptText(from.valueCodeableConcept);
  if (typeof from.valueString === "string") return from.valueString;
  if (typeof from.valueBoolean === "boolean") return from.valueBoolean ? "Yes" : "No";
  if (from.valueDateTime) return readDate(from.valueDateTime)?.text ?? from.valueDateTime;
  if (from.dataAbsentReason) return `Not measured (${conceptText(from.dataAbsentReason).toLowerCase()})`;
  if (from.valueRange) return `${from.valueRange.low?.value ?? ""} to ${from.valueRange.high?.value ?? ""}`;
  if (from.valueRatio) return `${from.valueRatio.numerator?.value ?? ""} : ${from.valueRatio.denominator?.value ?? ""}`;
  return "No value";
}

/** The normal range as {low, high, text}; low and high are null where it is open or not in numbers. */
export function readRange(ranges, unit) {
  const normal = (ranges ?? []).find((one) => !one.type || (one.type.coding ?? []).some((c) => c.code === "normal"));
  if (!normal) return { low: null, high: null, text: "" };
  const [low, high] = [normal.low?.value ?? null, normal.high?.value ?? null];
  const suffix = unit ? ` ${unit}` : "";
  if (low !== null && high !== null) return { low, high, text: `${digits(normal.low)} – ${digits(normal.high)}${suffix}` };
  if (low !== null) return { low, high, text: `≥ ${digits(normal.low)}${suffix}` };
  if (high !== null) return { low, high, text: `≤ ${digits(normal.high)}${suffix}` };
  return { low, high, text: normal.text ?? "" };
}

function judge(interpretations, read, range) {
  const codes = (interpretations ?? []).flatMap((one) => (one.coding ?? []).map((coding) => coding.code));
  const known = codes.find((code) => code in FLAGS);
  const said = conceptText(interpretations?.[0]);
  if (known) return { flag: FLAGS[known], words: said || FLAG_WORDS[FLAGS[known]] };
  const flag = compare(read, range);
  return { flag, words: said || FLAG_WORDS[flag] };
}

function compare({ value, comparator }, { low, high }) {
  if (value === null || (low === null && high === null)) return "unknown";
  if (low !== null && value < low && !comparator.startsWith(">")) return "low";
  if (high !== null && value > high && !comparator.startsWith("<")) return "high";
  return comparator ? "unknown" : "normal";
}

function readResult(from, observation, number) {
  const read = readValue(from);
  const range = readRange(from.referenceRange, read.unit);
  const { flag, words } = judge(from.interpretation, read, range);
  const written = observation.effectiveDateTime ?? observation.effectiveInstant ?? observation.effectivePeriod?.start
    ?? observation.issued;
  const date = readDate(written);
  return {
    id: `${observation.id ?? ""}#${number}`, code: from.code, ...read, range, flag, words,
    time: date?.time ?? null, date: date?.text ?? "Date unknown",
    preliminary: ["registered", "preliminary"].includes(observation.status),
  };
}

/** The results in one Observation: its own value, and that of each component. None for one that was withdrawn. */
export function resultsOf(observation) {
  if (HIDDEN.has(observation.status)) return [];
  const components = observation.component ?? [];
  const own = Object.keys(observation).some((name) => name.startsWith("value") || name === "dataAbsentReason");
  const parts = own || components.length === 0 ? [observation, ...components] : components;
  return parts.map((part, number) => readResult(part, observation, number));
}

function codeKey(code) {
  const coding = code?.coding?.find((one) => one.system === "http://loinc.org") ?? code?.coding?.[0];
  return coding?.code ? `${coding.system ?? ""}|${coding.code}` : `text|${code?.text ?? ""}`;
}

/**
 * The patient's tests by name: {key, name, code, unit, results (oldest first), points (those that can be plotted)}.
 * Values in different units cannot share an axis, so they become tests of their own.
 */
export function testsOf(observations) {
  const byCode = new Map();
  for (const result of observations.flatMap(resultsOf)) {
    const key = codeKey(result.code);
    if (!byCode.has(key)) byCode.set(key, []);
    byCode.get(key).push(result);
  }
  const tests = [...byCode].flatMap(([key, results]) => splitByUnit(key, results));
  return tests.sort((a, b) => a.name.localeCompare(b.name, "en", { sensitivity: "base" }));
}

function splitByUnit(key, results) {
  const units = [...new Set(results.filter((one) => one.value !== null).map((one) => one.unit))];
  const main = units[0] ?? "";
  return (units.length ? units : [""]).map((unit) => {
    // What is not a number goes with the first unit, so that it is listed once.
    const own = results.filter((one) => (one.value === null ? unit === main : one.unit === unit));
    return makeTest(key, own, unit, units.length > 1);
  });
}

function makeTest(key, results, unit, several) {
  results.sort((a, b) => (a.time ?? -Infinity) - (b.time ?? -Infinity));
  const newest = results.at(-1);
  const name = conceptText(newest.code) || "Unnamed test";
  return {
    key: `${key}|${unit}`, name: several && unit ? `${name} (${unit})` : name, code: key.split("|")[1], unit, results, newest,
    points: results.filter((one) => one.value !== null && one.time !== null),
  };
}

/** The tests whose name or code holds every word of the text. */
export function filterTests(tests, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return tests.filter((test) => wanted.every((word) => `${test.name} ${test.code}`.toLowerCase().includes(word)));
}

/** "Anna Bauer" from a Patient: the official name, or the first; its text, or its parts. */
export function patientName(patient) {
  const name = patient?.name?.find((one) => one.use === "official") ?? patient?.name?.[0];
  return name?.text ?? [...(name?.given ?? []), name?.family].filter(Boolean).join(" ");
}
