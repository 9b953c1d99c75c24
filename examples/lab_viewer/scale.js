// Axes: where the ticks go and what they say. Pure: numbers in, numbers and words out. Times are in ms, UTC.

const DAY = 86400000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const STEPS = [
  ["day", 1], ["day", 2], ["day", 7], ["day", 14], ["month", 1], ["month", 2], ["month", 3], ["month", 6],
  ["year", 1], ["year", 2], ["year", 5], ["year", 10], ["year", 20], ["year", 50],
];
const LENGTH = { day: DAY, month: 30.44 * DAY, year: 365.25 * DAY };

/** A straight map from [from, to] onto [start, end]. */
export function linear(from, to, start, end) {
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** The values' span with the finite range limits in it, some air around, and not below zero without need. */
export function valueSpan(points) {
  const all = points.flatMap((one) => [one.value, one.range.low, one.range.high]).filter((one) => one !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const air = (high - low || Math.abs(high) || 1) * 0.12;
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

/** Round tick values inside the span, at most `most` of them: steps of 1, 2 or 5 times a power of ten. */
export function valueTicks([low, high], most) {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) {
    ticks.push({ at: index * step, text: (index * step).toFixed(digits) });
  }
  return ticks;
}

/** The points' span in time with a little air; a lone point gets a month on each side. */
export function timeSpan(points) {
  const times = points.map((one) => one.time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const air = Math.max((last - first) * 0.03, first === last ? 30 * DAY : DAY / 2);
  return [first - air, last + air];
}

/** Ticks at the beginnings of days, months or years, at most `most`; January says the year. */
export function timeTicks([from, to], most) {
  const [unit, count] = STEPS.find(([name, times]) => (to - from) / (LENGTH[name] * times) <= most) ?? STEPS.at(-1);
  const ticks = [];
  for (let at = firstTick(from, unit, count); at <= to; at = nextTick(at, unit, count)) {
    if (at >= from) ticks.push({ at, text: tickText(at, unit) });
  }
  return ticks;
}

function firstTick(from, unit, count) {
  const date = new Date(from);
  const year = date.getUTCFullYear();
  if (unit === "year") return Date.UTC(Math.floor(year / count) * count, 0);
  if (unit === "month") return Date.UTC(year, Math.floor(date.getUTCMonth() / count) * count);
  return Date.UTC(year, date.getUTCMonth(), 1);
}

function nextTick(at, unit, count) {
  const date = new Date(at);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (unit === "year") return Date.UTC(year + count, 0);
  if (unit === "month") return Date.UTC(year, month + count);
  // Days count from the first of each month; a stump at its end would crowd the next month's first tick.
  const next = Date.UTC(year, month, day + count);
  const turn = Date.UTC(year, month + 1, 1);
  return next > turn - (count * DAY) / 2 ? turn : next;
}

function tickText(at, unit) {
  const date = new Date(at);
  const month = MONTHS[date.getUTCMonth()];
  if (unit === "year" || (unit === "month" && date.getUTCMonth() === 0)) return String(date.getUTCFullYear());
  return unit === "month" ? month : `${date.getUTCDate()} ${month}`;
}

/** The reference range over time: stretches of one and the same range, which change half-way between two results. */
export function bands(points, [from, to]) {
  const found = [];
  points.forEach((point, index) => {
    const start = index === 0 ? from : (points[index - 1].time + point.time) / 2;
    const end = index === points.length - 1 ? to : (point.time + points[index + 1].time) / 2;
    const { low, high } = point.range;
    const before = found.at(-1);
    if (before && before.low === low && before.high === high) before.end = end;
    else found.push({ start, end, low, high });
  });
  return found.filter((one) => one.low !== null || one.high !== null);
}
