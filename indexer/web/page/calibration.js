// A calibration, drawn from what was measured: the scores of both kinds of pairs, what a score means, and how it comes true.

import { svg } from "/page/dom.js";
import { counted } from "/page/format.js";

const [WIDTH, HEIGHT, LEFT, FOOT, GAP] = [260, 170, 34, 30, 26];
const STEPS = 200;

/** Three plots in one row. */
export function calibrationPlot(known) {
  const plots = [scores(known), meaning(known), reliability(known.held_out)];
  const across = LEFT + WIDTH + GAP;
  return svg("svg", {
    viewBox: `0 0 ${plots.length * across} ${HEIGHT + FOOT + 24}`, class: "plot", role: "img",
    "aria-label": `Calibration of the ${known.space} space: threshold ${known.threshold.toFixed(4)}, expected calibration error ${known.held_out.ece.toFixed(3)} on held-out pairs.`,
  }, plots.map((plot, at) => svg("g", { transform: `translate(${at * across + LEFT} 20)` }, plot)));
}

function frame(title, under, ticksX, ticksY) {
  return [
    svg("text", { class: "title", x: 0, y: -8 }, title),
    svg("path", { class: "axis", d: `M0 0V${HEIGHT}H${WIDTH}` }),
    ...ticksX.map(([at, text]) => svg("text", { x: at * WIDTH, y: HEIGHT + 14, "text-anchor": "middle" }, text)),
    ...ticksY.map(([at, text]) => svg("text", { x: -6, y: HEIGHT * (1 - at) + 3, "text-anchor": "end" }, text)),
    svg("text", { x: WIDTH / 2, y: HEIGHT + 27, "text-anchor": "middle" }, under),
  ];
}

const SCORES = [[0, "-1"], [0.25, "-0.5"], [0.5, "0"], [0.75, "0.5"], [1, "1"]];
const SHARES = [[0, "0"], [0.5, "0.5"], [1, "1"]];
const across = (score) => ((score + 1) / 2) * WIDTH;
const mark = (known) => svg("path", { class: "mark", d: `M${across(known.threshold)} 0V${HEIGHT}` });

/** Histograms, on a logarithmic scale: what matters is rare. */
function scores(known) {
  const { edges, same, different } = known.scores;
  const floor = -6;
  const outline = (counts) => {
    const sum = Math.max(1, counts.reduce((one, other) => one + other, 0));
    const height = (number) => (number ? HEIGHT * Math.max(0, 1 - Math.log10(number / sum) / floor) : 0);
    return `M${across(edges[0])} ${HEIGHT}${counts.map((number, at) => `V${(HEIGHT - height(number)).toFixed(1)}H${across(edges[at + 1]).toFixed(1)}`).join("")}V${HEIGHT}Z`;
  };
  return [
    svg("path", { class: "different", d: outline(different) }), svg("path", { class: "same", d: outline(same) }), mark(known),
    svg("text", { class: "different-text", x: 4, y: 12 }, counted(different.reduce((one, other) => one + other, 0), "different pair")),
    svg("text", { class: "same-text", x: 4, y: 26 }, counted(same.reduce((one, other) => one + other, 0), "same pair")),
    ...frame("Pairs learned from", "score", SCORES, [[0, "1e-6"], [0.5, "1e-3"], [1, "1"]]),
  ];
}

/** What a score means, at equal odds: linear in the logarithm of the odds between the knots. */
function meaning(known) {
  const { knots } = known;
  const evidence = (score) => {
    const above = knots.findIndex(([knot]) => knot >= score);
    if (above === 0) return knots[0][1];
    if (above < 0) return knots.at(-1)[1];
    const [[left, low], [right, high]] = [knots[above - 1], knots[above]];
    return low + ((high - low) * (score - left)) / (right - left);
  };
  const line = Array.from({ length: STEPS + 1 }, (_, at) => {
    const score = -1 + (2 * at) / STEPS;
    return `${across(score).toFixed(1)} ${(HEIGHT / (1 + Math.exp(evidence(score)))).toFixed(1)}`;
  });
  return [svg("path", { class: "line", d: `M${line.join("L")}` }), mark(known), ...frame("Probability at equal odds", "score", SCORES, SHARES)];
}

/** What was said beside what came true, on pairs that nothing was learned from. */
function reliability(held) {
  return [
    svg("path", { class: "axis", d: `M0 ${HEIGHT}L${WIDTH} 0` }),
    ...held.reliability.map(({ said, seen, weight }) =>
      svg("circle", { class: "dot", cx: said * WIDTH, cy: HEIGHT * (1 - seen), r: 3 + 12 * Math.sqrt(weight) })),
    ...frame(`Held out: error ${held.ece.toFixed(3)}`, "probability said, share seen", SHARES, SHARES),
  ];
}
