/* The page of `roadex view`: tiles, roads, and a person's verdicts. */
"use strict";
(async () => {
  const at = (id) => document.getElementById(id);
  const say = (text) => { at("status").textContent = text; };
  const SILENCE = "roadex view does not answer: it was ended, or the connection is lost.";

  const answer = await fetch("network.json");
  if (!answer.ok) {
    say(await answer.text());
    return;
  }
  const network = await answer.json();
  at("name").textContent = network.name;
  document.title = `${network.name} - roadex view`;
  at("note").textContent = network.note;
  at("note").hidden = !network.note;

  const coarsest = network.levels - 1;
  const { map, bounds } = roadexMap.create(at("map"), network, {
    minZoom: -coarsest - 1, maxZoom: 4, keyboard: true,
  });

  function tiles(kind, options) {
    const layer = L.tileLayer("", {
      bounds, noWrap: true, minZoom: -coarsest - 1, minNativeZoom: -coarsest, maxNativeZoom: 0,
      maxZoom: 4, ...options,
    });
    layer.getTileUrl = ({ x, y, z }) => `tiles/${kind}/${-z}/${y}/${x}.png`;
    let isTold = false;
    layer.on("tileerror", async ({ tile }) => {
      if (isTold) return;
      isTold = true;
      try {
        const reason = await fetch(tile.src);
        if (!reason.ok) say(await reason.text());
      } catch {
        say(SILENCE);
      }
    });
    return layer;
  }

  function pane(name, order) {
    const made = map.createPane(name);
    made.style.zIndex = order;
    return made;
  }
  L.imageOverlay("preview.jpg", bounds, { pane: "tilePane", alt: "preview of the imagery" })
    .addTo(map);
  if (network.has_imagery) tiles("imagery", {}).addTo(map);
  const swiped = [pane("probability", 300), pane("roads", 410), pane("chosen", 405)];
  swiped[2].style.pointerEvents = "none";
  const probability = tiles("probability", { pane: "probability", opacity: 0.6 });

  /* Roads */
  const MARKS = {
    ok: { color: "#009e73", dashArray: null },
    wrong: { color: "#cc79a7", dashArray: "6 6" },
    missing: { color: "#cc79a7", dashArray: "2 6" },
  };
  const style = (edge) => ({
    weight: 4, dashArray: null, color: roadexMap.colour(edge.confidence), ...MARKS[edge.review],
  });
  const edges = roadexMap.edges(network);
  const order = [...edges].sort((a, b) =>
    (a.confidence ?? -1) - (b.confidence ?? -1) || b.length_m - a.length_m);
  order.forEach((edge, i) => { edge.place = i; });
  const roads = roadexMap.draw(map, edges, {
    renderer: L.canvas({ pane: "roads", tolerance: 6, padding: 0.3 }), style,
    chosen: (edge) => { last = null; choose(edge); },
  });
  roadexMap.legend(at("legend"), [
    [MARKS.ok.color, "accepted", ""], [MARKS.wrong.color, "wrong", "dashed"],
  ]);

  let chosen = null;
  let last = null; /* the verdict just given, and the one before it: what Undo takes back */
  const halo = L.polyline([], {
    renderer: L.canvas({ pane: "chosen", padding: 0.3 }), color: "#fff", weight: 16, opacity: 0.7,
    interactive: false,
  }).addTo(map);

  function show() {
    const n = edges.filter((edge) => edge.review).length;
    at("progress").textContent = `${n} of ${edges.length} roads reviewed`;
    for (const id of ["ok", "wrong", "clear"]) at(id).disabled = !chosen;
    if (chosen) at("values").replaceChildren(roadexMap.table(chosen));
  }

  function choose(edge) {
    chosen = edge;
    halo.setLatLngs(edge.line);
    say("");
    show();
  }

  function goTo(edge) {
    choose(edge);
    map.fitBounds(halo.getBounds().pad(0.4), { maxZoom: 1 });
  }

  function step(by) {
    const skips = at("skip").checked;
    const start = chosen ? chosen.place : by > 0 ? -1 : order.length;
    for (let i = start + by; i >= 0 && i < order.length; i += by) {
      if (skips && order[i].review) continue;
      goTo(order[i]);
      return;
    }
    say(by > 0 ? "That was the last road." : "That was the first road.");
  }

  let isBusy = false;
  /* Store a verdict; false, and a message, where that cannot be. */
  async function store(edge, review) {
    if (!edge || isBusy) return false;
    isBusy = true;
    try {
      const done = await fetch("review", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ edge_id: edge.edge_id, length_m: edge.length_m, review }),
      });
      if (!done.ok) {
        say(await done.text());
        return false;
      }
      edge.review = review;
      edge.drawn.setStyle(style(edge));
      show();
      return true;
    } catch {
      say(SILENCE);
      return false;
    } finally {
      isBusy = false;
    }
  }

  async function judge(review) {
    const edge = chosen, before = edge?.review ?? null;
    if (!await store(edge, review)) return;
    step(1);
    last = { edge, before };
  }

  /* Take back the verdict just given, and go back to its road; else empty that of the road. */
  async function undo() {
    const { edge, before } = last ?? { edge: chosen, before: null };
    if (!await store(edge, before)) return;
    if (last) goTo(edge);
    last = null;
  }

  /* Swipe: what lies over the imagery is seen to the right of the line only. */
  function swipe() {
    const share = at("swipe").value / 100;
    const size = map.getSize();
    const [start, end] = [[share * size.x, 0], [size.x, size.y]].map(
      (corner) => map.containerPointToLayerPoint(corner));
    for (const one of swiped) {
      one.style.clip = `rect(${start.y}px, ${end.x}px, ${end.y}px, ${start.x}px)`;
    }
    at("divider").style.left = `${share * 100}%`;
  }
  at("divider").hidden = false;
  map.on("move zoom zoomend resize viewreset", swipe);
  at("swipe").addEventListener("input", swipe);
  at("divider").addEventListener("pointerdown", (down) => {
    at("divider").setPointerCapture(down.pointerId);
    at("divider").onpointermove = (moved) => {
      const frame = at("map").getBoundingClientRect();
      at("swipe").value = 100 * (moved.clientX - frame.left) / frame.width;
      swipe();
    };
  });
  for (const end of ["pointerup", "pointercancel"]) {
    at("divider").addEventListener(end, () => { at("divider").onpointermove = null; });
  }

  const toggle = (id, layer) => at(id).addEventListener("change", () =>
    (at(id).checked ? layer.addTo(map) : layer.remove()));
  toggle("roads", roads);
  toggle("probability", probability);
  at("opacity").addEventListener("input", () =>
    probability.setOpacity(at("opacity").value / 100));

  const actions = {
    a: () => judge("ok"), w: () => judge("wrong"), u: undo,
    n: () => { last = null; step(1); }, p: () => { last = null; step(-1); },
  };
  const buttons = { ok: "a", wrong: "w", clear: "u", next: "n", previous: "p" };
  for (const [id, key] of Object.entries(buttons)) at(id).addEventListener("click", actions[key]);
  document.addEventListener("keydown", (event) => {
    const isOther = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    if (!isOther && actions[event.key.toLowerCase()]) actions[event.key.toLowerCase()]();
  });
  swipe();
  show();
})();
