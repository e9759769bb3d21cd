// The index as a map: near means alike. Dots from afar, pictures from near; drag, scroll or use the keys to wander.

import { pictureUrl } from "/page/api.js";
import { el } from "/page/dom.js";
import { count, percent } from "/page/format.js";
import { openItem } from "/page/item.js";
import { thumbnail } from "/page/picture.js";

const COLOURED = 7; // labels; more colours than that nobody tells apart
const PICTURES = 90; // points in view from which pictures are drawn instead of dots
const REACH = 14; // CSS pixels from a dot that still touch it
const EDGE = 50;
const STRETCH = 2; // how much wider than high one step may be, so that the map fills its ground
const CLOSEST = 200;

export function mapView({ points, explained }) {
  const canvas = el("canvas", {
    tabindex: 0, role: "application", class: "map",
    "aria-label": `Map of ${count(points.length)} pictures. Arrow keys move, plus and minus zoom, zero shows all, Enter opens the picture nearest to the middle.`,
  });
  const pen = canvas.getContext("2d");
  const hover = el("div", { class: "hover", hidden: true });
  const box = bounds(points);
  const colourOf = legendOf(points);
  const images = new Map();
  const stop = new AbortController();
  let width = 1, height = 1, scale = 1, shiftX = 0, shiftY = 0, waiting = 0, unit = [1, 1], palette = {};

  const toScreen = (point) => [(point.x - box.x) * unit[0] * scale + shiftX, (box.y - point.y) * unit[1] * scale + shiftY];

  function all() {
    const [across, down] = [(width - 2 * EDGE) / box.width, (height - 2 * EDGE) / box.height];
    unit = [Math.min(across, STRETCH * down), Math.min(down, STRETCH * across)];
    scale = 1;
    shiftX = (width - box.width * unit[0]) / 2;
    shiftY = (height - box.height * unit[1]) / 2;
    draw();
  }

  function zoom(factor, x = width / 2, y = height / 2) {
    const wanted = Math.min(CLOSEST, Math.max(0.5, scale * factor));
    shiftX = x - (x - shiftX) * (wanted / scale);
    shiftY = y - (y - shiftY) * (wanted / scale);
    scale = wanted;
    draw();
  }

  const draw = () => { waiting ||= requestAnimationFrame(paint); };

  function paint() {
    waiting = 0;
    const ratio = devicePixelRatio;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.scale(ratio, ratio);
    const seen = points.map((point) => [point, ...toScreen(point)])
      .filter(([, x, y]) => x > -EDGE && y > -EDGE && x < width + EDGE && y < height + EDGE);
    const asPictures = seen.length <= PICTURES;
    const side = asPictures ? Math.min(96, Math.max(36, Math.sqrt((width * height) / (seen.length + 1)) * 0.5)) : 0;
    for (const [point, x, y] of seen) {
      if (asPictures && paintPicture(point, x, y, side)) continue;
      pen.fillStyle = palette[colourOf(point)];
      pen.beginPath();
      pen.arc(x, y, scale > 4 ? 4 : 3, 0, 2 * Math.PI);
      pen.fill();
    }
    if (document.activeElement === canvas) paintMiddle();
  }

  function paintPicture(point, x, y, side) {
    let image = images.get(point.item);
    if (!image) {
      image = new Image();
      image.onload = draw;
      image.src = pictureUrl(point, 128);
      images.set(point.item, image);
    }
    if (!image.complete || !image.naturalWidth) return false;
    const share = side / Math.max(image.naturalWidth, image.naturalHeight);
    const [wide, high] = [image.naturalWidth * share, image.naturalHeight * share];
    pen.drawImage(image, x - wide / 2, y - high / 2, wide, high);
    pen.strokeStyle = palette[colourOf(point)];
    pen.lineWidth = 2;
    pen.strokeRect(x - wide / 2, y - high / 2, wide, high);
    return true;
  }

  function paintMiddle() {
    pen.strokeStyle = palette.ink;
    pen.lineWidth = 1.5;
    pen.strokeRect(width / 2 - 9, height / 2 - 9, 18, 18);
  }

  function nearest(x, y, reach) {
    let best = null, least = reach ** 2;
    for (const point of points) {
      const [px, py] = toScreen(point);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  }

  function showHover(point, x, y) {
    hover.hidden = !point;
    canvas.classList.toggle("touching", Boolean(point));
    if (!point || hover.dataset.item === String(point.item)) return;
    hover.dataset.item = point.item;
    hover.replaceChildren(thumbnail(point), el("span", {}, point.label ?? "no label"));
    hover.style.left = `${Math.min(x + 16, width - 170)}px`;
    hover.style.top = `${Math.min(y + 16, height - 190)}px`;
  }

  const at = (event) => [event.offsetX, event.offsetY];
  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) return showHover(nearest(x, y, reach()), x, y);
    showHover(null);
    moved += Math.hypot(x - before[0], y - before[1]);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      zoom(apart([x, y]) / Math.max(1, apart(before)), ...other);
    } else {
      shiftX += x - before[0];
      shiftY += y - before[1];
      draw();
    }
    pointers.set(event.pointerId, [x, y]);
    return undefined;
  });
  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    const point = moved < 4 && nearest(...at(event), reach());
    if (point) openItem(point.item);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => showHover(null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), ...at(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = {
      ArrowLeft: () => { shiftX += 60; draw(); }, ArrowRight: () => { shiftX -= 60; draw(); },
      ArrowUp: () => { shiftY += 60; draw(); }, ArrowDown: () => { shiftY -= 60; draw(); },
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: all,
      Enter: () => openItem(nearest(width / 2, height / 2, Infinity).item),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener("focus", draw);
  canvas.addEventListener("blur", draw);
  const reach = () => (points.length <= PICTURES || scale > 4 ? 3 * REACH : REACH);

  function repaint() {
    const style = getComputedStyle(canvas);
    palette = Object.fromEntries(["ink", "soft", ...Array(COLOURED).keys()].map((name) =>
      [name, style.getPropertyValue(typeof name === "number" ? `--hue-${name}` : `--${name}`)]));
    draw();
  }
  document.addEventListener("themechange", repaint, { signal: stop.signal });
  const sized = new ResizeObserver(([entry]) => {
    ({ width, height } = entry.contentRect);
    repaint();
    all();
  });
  sized.observe(canvas);

  return {
    element: el("figure", { class: "mapped" },
      el("div", { class: "ground" }, canvas, hover,
        el("div", { class: "zooms" },
          el("button", { type: "button", "aria-label": "Zoom in", click: () => zoom(1.5) }, "+"),
          el("button", { type: "button", "aria-label": "Zoom out", click: () => zoom(1 / 1.5) }, "−"),
          el("button", { type: "button", click: all }, "All"))),
      colourOf.legend,
      el("figcaption", { class: "soft" }, `Near means alike. ${count(points.length)} pictures by the two directions in which they differ most (${percent(explained[0] + explained[1])} of how they differ).`)),
    left: () => { stop.abort(); sized.disconnect(); cancelAnimationFrame(waiting); },
  };
}

function bounds(points) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const least = (values) => values.reduce((one, other) => Math.min(one, other));
  const most = (values) => values.reduce((one, other) => Math.max(one, other));
  return { x: least(xs), y: most(ys), width: most(xs) - least(xs) || 1, height: most(ys) - least(ys) || 1 };
}

/** Which of the palette's colours a point has: the most frequent labels have one of their own. */
function legendOf(points) {
  const sizes = new Map();
  for (const { label } of points) if (label) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const first = [...sizes].sort((one, other) => other[1] - one[1]).slice(0, COLOURED).map(([label]) => label);
  const colours = new Map(first.map((label, hue) => [label, hue]));
  const colourOf = (point) => colours.get(point.label) ?? "soft";
  colourOf.legend = el("ul", { class: "legend" }, first.map((label, hue) => el("li", { "data-hue": hue }, label)),
    sizes.size > first.length && el("li", {}, "other labels"));
  return colourOf;
}
