import { describe, expect, it } from "vitest"
import { enumOf } from "../../src/container/Enum.ts"
import { readText, refusal, roundTrip } from "../wire.ts"

const mood = enumOf("public.mood", ["sad", "ok", 'happy, "x"'])

describe("enums", () => {
  it("are their labels in both formats", () => {
    for (const label of ["sad", 'happy, "x"']) roundTrip(mood, label)
    expect(mood.shape).toEqual({ _tag: "Enum", labels: ["sad", "ok", 'happy, "x"'] })
  })

  it("read labels that were added since the description", () => {
    expect(readText(mood, "new")).toBe("new")
  })

  it("refuse to write labels that they do not have, and name those they have", () => {
    expect(refusal(mood, "gloomy")).toContain("not one of")
    expect(() => mood.writer()?.format("gloomy")).toThrow("they are sad, ok, happy")
    expect(refusal(mood, 1)).toContain("takes no number")
    const many = enumOf(
      "e",
      Array.from({ length: 12 }, (_, i) => `l${i}`)
    )
    expect(() => many.writer()?.format("x")).toThrow("and 4 more")
  })
})
