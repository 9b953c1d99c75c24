// Draws one test's results over time as SVG: reference range as a band, out-of-range points told by shape as well as colour.

import { html, svg } from "./dom.js";
import { bands, linear, timeSpan, timeTicks, valueSpan, valueTicks } from "./scale.js";

const SHAPES = {
  normal: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
  unknown: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
  high: "M0 -6.5L6.2 4.5H-6.2Z",
  low: "M0 6.5L6.2 -4.5H-6.2Z",
  abnormal: "M0 -6.5L6.5 0L0 6.5L-6.5 0Z",
};

/** The mark of a flag ("high" is a triangle that points up …), for the chart, its legend and the lists. */
export function mark(flag, attributes = {}) {
  return svg("path", { d: SHAPES[flag], class: `mark ${flag}`, ...attributes });
}

/** The same mark as a picture of its own, for use within text. */
export function markIcon(flag) {
  return svg("svg", { viewBox: "-8 -8 16 16", width: "14", height: "14", class: "mark-icon", "aria-hidden": "true" }, mark(flag));
}

/** A picture of a test's course in the size of a word. */
export function sparkline(points) {
  const [width, height] = [72, 24];
  const x = linear(...timeSpan(points), 2, width - 2);
  const y = linear(...valueSpan(points.map((one) => ({ value: one.value, range: { low: null, high: null } }))), height - 2, 2);
  const path = points.map((one, index) => `${index ? "L" : "M"}${x(one.time).toFixed(1)} ${y(one.value).toFixed(1)}`).join("");
  const last = points.at(-1);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "sparkline", "aria-hidden": "true" },
    svg("path", { d: path }), svg("circle", { cx: x(last.time), cy: y(last.value), r: 2.4, class: last.flag }));
}

/** One sentence about a result, for the screen reader. */
export function sentence(result) {
  const said = [result.text, result.date, result.words, result.range.text && `reference range ${result.range.text}`];
  return said.filter(Boolean).join(", ");
}

/**
 * The chart as an element that fits itself to the width it is given. `points` are of one test and one unit, oldest
 * first, at least one. Its points can be walked with the arrow keys.
 */
export function trendChart(test, points) {
  const tip = html("div", { class: "tip", role: "status", hidden: true });
  const canvas = html("div", { class: "canvas" });
  const box = html("div", { class: "chart" }, canvas, tip);
  let drawn = 0;
  const draw = () => {
    const width = Math.round(canvas.clientWidth);
    if (width === drawn || width === 0) return;
    drawn = width;
    canvas.replaceChildren(drawSvg(test, points, width, tip));
  };
  new ResizeObserver(draw).observe(canvas);
  return box;
}

function drawSvg(test, points, width, tip) {
  const narrow = width < 520;
  const height = narrow ? 270 : 360;
  const values = valueSpan(points);
  const times = timeSpan(points);
  const yTicks = valueTicks(values, narrow ? 5 : 6);
  const left = 14 + 7.2 * Math.max(...yTicks.map((tick) => tick.text.length));
  const frame = { left, right: width - 14, top: 30, bottom: height - 30 };
  const x = linear(...times, frame.left, frame.right);
  const y = linear(...values, frame.bottom, frame.top);
  const xTicks = timeTicks(times, Math.max(2, Math.floor((frame.right - frame.left) / (narrow ? 62 : 84))));
  const nodes = points.map((point, index) => pointNode(point, index, x, y));
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": summary(test, points) },
    rangeBands(points, times, x, y, frame),
    yAxis(yTicks, y, frame, test.unit),
    xAxis(xTicks, x, frame),
    svg("path", { class: "line", d: linePath(points, x, y) }),
    svg("line", { class: "cursor", y1: frame.top, y2: frame.bottom, visibility: "hidden" }),
    nodes);
  addTips(root, nodes, points, { x, y, width, tip });
  return root;
}

function summary(test, points) {
  const [first, last] = [points[0], points.at(-1)];
  return points.length === 1
    ? `${test.name}: one result, ${sentence(last)}.`
    : `${test.name}: ${points.length} results from ${first.date} (${first.text}) to ${last.date} (${last.text}). Use the arrow keys.`;
}

function linePath(points, x, y) {
  return points.map((one, index) => `${index ? "L" : "M"}${x(one.time).toFixed(1)} ${y(one.value).toFixed(1)}`).join("");
}

function rangeBands(points, times, x, y, frame) {
  return bands(points, times).map(({ start, end, low, high }) => {
    const top = high === null ? frame.top : Math.max(y(high), frame.top);
    const bottom = low === null ? frame.bottom : Math.min(y(low), frame.bottom);
    const edges = [high === null ? null : top, low === null ? null : bottom].filter((at) => at !== null);
    const [from, to] = [x(start), x(end)];
    return svg("g", { class: "band" },
      svg("rect", { x: from, y: top, width: to - from, height: Math.max(bottom - top, 0) }),
      edges.map((at) => svg("line", { x1: from, x2: to, y1: at, y2: at })));
  });
}

function yAxis(ticks, y, frame, unit) {
  return svg("g", { class: "axis", "aria-hidden": "true" },
    svg("text", { class: "unit", x: 4, y: 14 }, unit),
    ticks.map(({ at, text }) => [
      svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(at), y2: y(at) }),
      svg("text", { x: frame.left - 8, y: y(at) + 4, "text-anchor": "end" }, text),
    ]));
}

function xAxis(ticks, x, frame) {
  return svg("g", { class: "axis", "aria-hidden": "true" },
    svg("line", { class: "base", x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }),
    ticks.map(({ at, text }) => [
      svg("line", { class: "base", x1: x(at), x2: x(at), y1: frame.bottom, y2: frame.bottom + 5 }),
      svg("text", { x: x(at), y: frame.bottom + 20, "text-anchor": "middle" }, text),
    ]));
}

// A value beyond what the analyser can measure gets an arrow that points to where the real one lies.
function beyond(comparator) {
  if (!comparator) return null;
  return svg("path", { class: "beyond", d: comparator.startsWith("<") ? "M0 6V17M-3.5 13.5L0 17L3.5 13.5" : "M0 -6V-17M-3.5 -13.5L0 -17L3.5 -13.5" });
}

function pointNode(point, index, x, y) {
  return svg("g", {
    class: `point${point.comparator ? " limit" : ""}`, tabindex: index === 0 ? "0" : "-1", role: "img", "aria-label": sentence(point),
    transform: `translate(${x(point.time).toFixed(1)} ${y(point.value).toFixed(1)})`,
  }, svg("circle", { class: "halo", r: 11 }), beyond(point.comparator), mark(point.flag));
}

function addTips(root, nodes, points, place) {
  const cursor = root.querySelector(".cursor");
  const choose = (index) => {
    nodes.forEach((node, at) => node.classList.toggle("chosen", at === index));
    cursor.setAttribute("visibility", index === null ? "hidden" : "visible");
    if (index === null) {
      place.tip.hidden = true;
      return;
    }
    const at = place.x(points[index].time);
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    showTip(points[index], place);
  };
  root.addEventListener("pointermove", (event) => choose(nearest(event, root, points, place)));
  root.addEventListener("pointerdown", (event) => choose(nearest(event, root, points, place)));
  root.addEventListener("pointerleave", () => choose(null));
  nodes.forEach((node, index) => {
    node.addEventListener("focus", () => choose(index));
    node.addEventListener("blur", () => choose(null));
    node.addEventListener("keydown", (event) => walk(event, nodes, index, choose));
  });
}

function nearest(event, root, points, { x, y }) {
  const edge = root.getBoundingClientRect();
  const [px, py] = [event.clientX - edge.left, event.clientY - edge.top];
  const distances = points.map((one) => Math.abs(x(one.time) - px) + 0.15 * Math.abs(y(one.value) - py));
  return distances.indexOf(Math.min(...distances));
}

function walk(event, nodes, index, choose) {
  const last = nodes.length - 1;
  const target = { ArrowRight: Math.min(index + 1, last), ArrowLeft: Math.max(index - 1, 0), Home: 0, End: last }[event.key];
  if (event.key === "Escape") choose(null);
  if (target === undefined) return;
  event.preventDefault();
  nodes[index].setAttribute("tabindex", "-1");
  nodes[target].setAttribute("tabindex", "0");
  nodes[target].focus();
}

function showTip(point, { x, y, width, tip }) {
  tip.replaceChildren(
    html("strong", {}, point.text),
    html("span", {}, point.date, point.preliminary ? " (preliminary)" : ""),
    ...(point.words ? [html("span", { class: `said ${point.flag}` }, markIcon(point.flag), point.words)] : []),
    ...(point.range.text ? [html("span", { class: "muted" }, `Range ${point.range.text}`)] : []),
  );
  tip.hidden = false;
  const [atX, atY] = [x(point.time), y(point.value)];
  const half = tip.offsetWidth / 2;
  tip.style.left = `${Math.min(Math.max(atX, half + 2), width - half - 2)}px`;
  const above = atY - tip.offsetHeight - 16;
  tip.style.top = `${above < 0 ? atY + 16 : above}px`;
}
