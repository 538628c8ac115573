"use strict";
// The switch to another encoder, at the same direction or feature. ../encoders.js, which the report
// writes, lists the encoders: without it, as when a folder was copied alone, there is no switch.
(() => {
  const script = document.createElement("script");
  script.src = "../encoders.js";
  script.onload = () => {
    const { perPage, encoders } = window.encoders;
    const [folder, file] = location.pathname.split("/").slice(-2).map(decodeURIComponent);
    const select = document.getElementById("encoder");
    for (const { key, label } of encoders) select.add(new Option(label, key, key === folder, key === folder));
    select.closest("p").hidden = false;

    // The number of the article that was linked to, or of the first that is in sight.
    const current = () => {
      const named = document.querySelector("article:target");
      const inSight = [...document.querySelectorAll("article")].find((one) => one.getBoundingClientRect().bottom > 100);
      const shown = named && named.getBoundingClientRect().bottom > 0 ? named : inSight;
      return shown ? Number(shown.id.split("-")[1]) : null;
    };

    select.addEventListener("change", () => {
      const other = encoders.find((one) => one.key === select.value);
      const number = current();
      let place = file;
      if (file === "index.html") place += location.hash;
      if (file.startsWith("directions_") && number !== null) {
        const kept = Math.min(number, other.directions);
        place = `directions_${Math.floor((kept - 1) / perPage) * perPage + 1}.html#direction-${kept}`;
      }
      if (file.startsWith("features")) {
        const at = other.features.find(([feature]) => feature === number);
        place = at ? `${at[1]}.html#feature-${number}` : "features.html";
      }
      location.href = `../${encodeURIComponent(other.key)}/${place}`;
    });
  };
  document.head.append(script);
})();
