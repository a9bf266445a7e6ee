import Networks
import Tensors

/// The noise schedule, its steps, and the tables of sines.
enum SchedulerCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        ["clean", "noise", "eps", "timesteps"].allSatisfy { fixture.inputs[$0] != nil }
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let scheduler = Scheduler()
        let timesteps = try fixture.floats("timesteps").array.map { Int($0) }
        let noisy = scheduler.addNoise(
            try fixture.floats("clean"), try fixture.floats("noise"), at: timesteps)
        let estimate = try fixture.floats("eps")
        results.compare("out/noisy", noisy)
        results.compare("out/previous", scheduler.step(noisy, estimate: estimate, at: timesteps))
        results.compare(
            "out/clean_estimate", scheduler.cleanEstimate(noisy, noise: estimate, at: timesteps))
        results.compare(
            "table/alphas_cumprod", Tensor(scheduler.alphasCumulative, shape: [1000]))
        let keys = Set(
            fixture.file.entries.keys.map { String($0.prefix { $0 != "#" }) })
        for key in keys.sorted() where key.hasPrefix("table/") { table(key, results) }
    }

    /// Such as `table/temporal_pe_320` or `table/patch_pe_28x28x1024`: what, and how large.
    private static func table(_ key: String, _ results: FixtureResults) {
        let words = key.dropFirst("table/".count).split(separator: "_")
        let sizes = (words.last ?? "").split(separator: "x").compactMap { Int($0) }
        switch (words.first, sizes.count) {
        case ("timestep", 1):
            results.compare(key, TimeEmbedding.table(Scheduler.timesteps, count: sizes[0]))
        case ("temporal", 1):
            let positions = results.fixture.shape(key)?.first ?? 0
            results.compare(key, TemporalModule.table(positions: positions, channels: sizes[0]))
        case ("motion", 2):
            results.compare(key, PositionTable.motionTokens(count: sizes[0], width: sizes[1]))
        case ("patch", 3):
            results.compare(key, PositionTable.patches(side: sizes[0], width: sizes[2]))
        default: break
        }
    }
}
