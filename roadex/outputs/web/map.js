/* What the maps of report.html and `roadex view` share. Places are pixels of the work grid: row
   from the top, column from the left. The colours are those of the style in QGIS. */
"use strict";
const roadexMap = (() => {
  const CLASSES = [
    [0.5, "#d7191c", "below 0.50"],
    [0.65, "#fdae61", "0.50 - 0.65"],
    [0.8, "#ffffbf", "0.65 - 0.80"],
    [0.9, "#abd9e9", "0.80 - 0.90"],
    [Infinity, "#2c7bb6", "0.90 - 1.00"],
  ];
  const UNKNOWN = "#999999";
  const CASING = "#282828";

  /* Shown of an edge: column, title, decimals, unit. */
  const FIELDS = [
    ["edge_id", "edge", 0, ""],
    ["confidence", "confidence", 2, ""],
    ["length_m", "length", 1, " m"],
    ["width_m", "width", 1, " m"],
    ["prob_mean", "mean probability", 2, ""],
    ["prob_min", "lowest probability", 2, ""],
    ["bridged", "bridged gaps", 2, ""],
    ["surface", "surface", 0, ""],
    ["review", "review", 0, ""],
  ];

  function create(element, network, options) {
    const crs = L.extend({}, L.CRS.Simple, {
      transformation: L.transformation(1, 0, 1, 0),
      distance: (a, b) => Math.hypot(a.lat - b.lat, a.lng - b.lng) * network.gsd_m,
    });
    const bounds = L.latLngBounds([0, 0], network.shape);
    const map = L.map(element, {
      crs, attributionControl: false, maxBounds: bounds.pad(1), maxBoundsViscosity: 0.8, ...options,
    });
    L.control.scale({ imperial: false }).addTo(map);
    map.fitBounds(bounds);
    return { map, bounds };
  }

  /* Lines come as whole steps: the first place, then the way to the next, row before column. */
  function places(flat, step) {
    const line = [];
    let row = 0, col = 0;
    for (let i = 0; i < flat.length; i += 2) {
      row += flat[i];
      col += flat[i + 1];
      line.push([row * step, col * step]);
    }
    return line;
  }

  function edges(network) {
    const names = Object.keys(network.columns);
    return network.lines.map((flat, i) => {
      const edge = { line: places(flat, network.step) };
      for (const name of names) edge[name] = network.columns[name][i];
      return edge;
    });
  }

  function colour(confidence) {
    if (confidence === null || confidence === undefined) return UNKNOWN;
    return CLASSES.find(([upTo]) => confidence < upTo)[1];
  }

  /* Draw edges; `style(edge)` says how, `chosen(edge, place)` is called on a click. */
  function draw(map, list, { renderer, style, chosen }) {
    const group = L.layerGroup();
    const casing = { renderer, color: CASING, opacity: 0.8, weight: 6, interactive: false };
    L.polyline(list.map((edge) => edge.line), { ...casing, smoothFactor: 1 }).addTo(group);
    for (const edge of list) {
      edge.drawn = L.polyline(edge.line, { renderer, ...style(edge) }).addTo(group);
      edge.drawn.on("click", (event) => {
        L.DomEvent.stopPropagation(event);
        chosen(edge, event.latlng);
      });
    }
    return group.addTo(map);
  }

  function table(edge) {
    const made = document.createElement("table");
    for (const [name, title, decimals, unit] of FIELDS) {
      const value = edge[name];
      if (value === null || value === undefined || value === "") continue;
      const row = made.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = title;
      row.append(head);
      row.insertCell().textContent =
        typeof value === "number" ? value.toFixed(decimals) + unit : value;
    }
    return made;
  }

  function legend(element, more) {
    const all = [...CLASSES.map(([, paint, text]) => [paint, text, ""]), ...(more || [])];
    element.append("Confidence ");
    for (const [paint, text, kind] of all) {
      const item = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.className = `swatch ${kind}`;
      swatch.style.setProperty("--paint", paint);
      item.append(swatch, text);
      element.append(item);
    }
  }

  return { create, edges, colour, draw, table, legend };
})();
