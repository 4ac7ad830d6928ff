// Draws the mermaid diagrams of the page, and draws them anew when the reader changes the theme.
(() => {
  "use strict";
  const diagrams = [...document.querySelectorAll("pre.diagram")].map((element) => ({
    element,
    source: element.textContent,
  }));

  async function draw() {
    const dark = document.documentElement.dataset.theme === "dark";
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      theme: "base",
      themeVariables: {
        darkMode: dark,
        fontFamily: getComputedStyle(document.body).fontFamily,
        background: colour("--pst-color-background"),
        primaryColor: colour("--book-tint"),
        primaryTextColor: colour("--pst-color-text-base"),
        primaryBorderColor: colour("--pst-color-primary"),
        lineColor: colour("--pst-color-text-muted"),
        edgeLabelBackground: colour("--pst-color-background"),
      },
    });
    for (const [number, { element, source }] of diagrams.entries()) {
      const { svg } = await mermaid.render(`drawing-${number}`, source);
      element.innerHTML = svg;
      element.dataset.drawn = dark ? "dark" : "light";
    }
  }

  let queue = draw();
  new MutationObserver(() => {
    queue = queue.then(draw);
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})();
