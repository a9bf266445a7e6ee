import Networks
import Tensors
import Testing

@Suite struct SchedulerTests {
    private let scheduler = Scheduler()

    @Test func `a step is the published pair of factors`() {
        let factors: [(Float, Float)] = [
            (1.0004253, -0.029167533), (1.4953761, -1.0830497), (3.4453549, -2.6361269),
            (12.792492, -11.810022),
        ]
        let (ones, zeros) = (
            Tensor<Float>(repeating: 1, shape: [4, 1]), Tensor<Float>(repeating: 0, shape: [4, 1])
        )

        let a = scheduler.step(ones, estimate: zeros, at: Scheduler.timesteps)
        let b = scheduler.step(zeros, estimate: ones, at: Scheduler.timesteps)

        for (i, (first, second)) in factors.enumerated() {
            #expect(abs(a.array[i] / first - 1) < 1e-6)
            #expect(abs(b.array[i] / second - 1) < 1e-6)
        }
    }

    @Test func `the last step gives the clean estimate`() {
        let (x, e) = (sample("x", [2, 8]), sample("e", [2, 8]))

        let last = scheduler.step(x, estimate: e, at: [0, 0])

        #expect(last.array == scheduler.cleanEstimate(x, noise: e, at: [0, 0]).array)
    }

    @Test func `removing the added noise gives the picture back`() {
        let (x, e) = (sample("x", [4, 8]), sample("e", [4, 8]))

        let noisy = scheduler.addNoise(x, e, at: Scheduler.timesteps)

        let clean = scheduler.cleanEstimate(noisy, noise: e, at: Scheduler.timesteps)
        #expect(clean.distance(to: x) < 2e-4)
    }

    @Test func `a denoiser of clean latents gets as far as one of noise that agrees with it`() {
        let clean = Scheduler(prediction: .clean)
        let noise = SyntheticStream("noise").gauss([4, 2, 2, 4])
        let truth = SyntheticStream("truth").gauss([4, 2, 2, 4])
        let noisy = scheduler.addNoise(truth, noise, at: Scheduler.timesteps)

        let one = scheduler.step(noisy, estimate: noise, at: Scheduler.timesteps)
        let other = clean.step(noisy, estimate: truth, at: Scheduler.timesteps)

        // At 999 an error of the noise is multiplied by about 12: rounding shows there.
        for (a, b) in zip(one.array, other.array) { #expect(abs(a - b) < 1e-3) }
    }
}
