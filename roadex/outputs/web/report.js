/* The map of report.html: pictures and network are in the page. */
"use strict";
(() => {
  const given = JSON.parse(document.getElementById("map-content").textContent);
  const element = document.getElementById("map");
  const { map, bounds } = roadexMap.create(element, given.network, {
    minZoom: -20, maxZoom: 4, zoomSnap: 0, zoomDelta: 1, wheelPxPerZoomLevel: 120,
  });
  map.setMinZoom(map.getZoom() - 1);
  /* A wheel over the map scrolls the page until the map is chosen. */
  map.scrollWheelZoom.disable();
  map.on("focus", () => map.scrollWheelZoom.enable());
  map.on("blur", () => map.scrollWheelZoom.disable());

  const pictures = {};
  for (const [name, uri] of Object.entries(given.pictures)) {
    pictures[name] = L.imageOverlay(uri, bounds, { alt: name });
  }
  pictures.imagery.addTo(map);
  const roads = roadexMap.draw(map, roadexMap.edges(given.network), {
    renderer: L.canvas({ tolerance: 6, padding: 0.5 }),
    style: (edge) => ({ color: roadexMap.colour(edge.confidence), weight: 3 }),
    chosen: (edge, place) =>
      L.popup().setLatLng(place).setContent(roadexMap.table(edge)).openOn(map),
  });
  L.control.layers(pictures, { roads }, { collapsed: false }).addTo(map);
  roadexMap.legend(document.getElementById("legend"));
})();
