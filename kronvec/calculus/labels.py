"""Names of matrices in formulas: text, LaTeX, and how tightly it binds."""

from __future__ import annotations

from typing import NamedTuple

# How tightly a formula binds, from loosest.
SUM, KRONECKER, PRODUCT, ATOM = range(4)


class Label(NamedTuple):
    """A formula in plain text and in LaTeX."""

    text: str
    latex: str
    binding: int = ATOM

    @property
    def T(self) -> Label:
        """The transpose; that of a transpose is the matrix itself, (A B)ᵀ is Bᵀ Aᵀ."""
        if self == IDENTITY:
            return self
        if self.text.endswith("ᵀ") and self.binding == ATOM:
            return Label(self.text[:-1], self.latex.removesuffix("^{\\top}"))
        inside = self.within(ATOM)
        if self.text.endswith("⁻¹") and self.binding == ATOM:
            return Label(self.text[:-2] + "⁻ᵀ", self.latex.removesuffix("^{-1}") + "^{-\\top}")
        return Label(inside.text + "ᵀ", inside.latex + "^{\\top}")

    @property
    def conj(self) -> Label:
        """The complex conjugate."""
        return Label(f"conj({self.text})", f"\\overline{{{self.latex}}}")

    @property
    def inv(self) -> Label:
        """The inverse."""
        inside = self.within(ATOM)
        return Label(inside.text + "⁻¹", inside.latex + "^{-1}")

    def within(self, binding: int) -> Label:
        """The formula in brackets if it binds less tightly than this."""
        if self.binding >= binding:
            return self
        return Label(f"({self.text})", f"\\left({self.latex}\\right)")


def named(name: str) -> Label:
    """A name as it is; a long one upright in LaTeX."""
    return Label(name, name if len(name) == 1 else f"\\mathrm{{{name}}}")


def unnamed(shape) -> Label:
    """What stands for a matrix without a name: its shape."""
    if not shape:
        return Label("[scalar]", "[\\cdot]")
    size = "x".join(map(str, shape))
    return Label(f"[{size}]", f"[{size.replace('x', chr(92) + 'times ')}]")


IDENTITY = Label("I", "I")
ONES = Label("1", "\\mathbf{1}")


def product(a: Label, b: Label) -> Label:
    """A B, where I vanishes."""
    if IDENTITY in (a, b):
        return b if a == IDENTITY else a
    a, b = a.within(PRODUCT), b.within(PRODUCT)
    return Label(f"{a.text} {b.text}", f"{a.latex} {b.latex}", PRODUCT)


def hadamard(a: Label, b: Label) -> Label:
    """A ∘ B, where the matrix of ones vanishes."""
    if ONES in (a, b):
        return b if a == ONES else a
    a, b = a.within(ATOM), b.within(ATOM)
    return Label(f"{a.text} ∘ {b.text}", f"{a.latex} \\circ {b.latex}", PRODUCT)


def kronecker(a: Label, b: Label) -> Label:
    """A ⊗ B."""
    a, b = a.within(PRODUCT), b.within(PRODUCT)
    return Label(f"{a.text} ⊗ {b.text}", f"{a.latex} \\otimes {b.latex}", KRONECKER)


def add(*labels: Label) -> Label:
    """A + B + …; a term with a sign of its own is subtracted."""
    text, latex = labels[0].text, labels[0].latex
    for each in labels[1:]:
        negative = each.text.startswith("-")
        text += f" - {each.text[1:]}" if negative else f" + {each.text}"
        latex += f" - {each.latex[1:]}" if negative else f" + {each.latex}"
    return Label(text, latex, SUM)


def scale(c, a: Label) -> Label:
    """C A."""
    if isinstance(c, (int, float)) and c in (1, -1):
        inside = a if c == 1 else a.within(KRONECKER)
        sign = "" if c == 1 else "-"
        return Label(sign + inside.text, sign + inside.latex, a.binding if c == 1 else SUM)
    inside = a.within(PRODUCT)
    return Label(f"{c:.6g} {inside.text}", f"{c:.6g}\\, {inside.latex}", PRODUCT)


def function(name: str, *arguments: Label) -> Label:
    """f(A, …)."""
    text = ", ".join(a.text for a in arguments)
    latex = ", ".join(a.latex for a in arguments)
    return Label(f"{name}({text})", f"\\mathrm{{{name}}}({latex})")
