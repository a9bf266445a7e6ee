import Tensors

/// The plans of one layer and the weights in the orders that they want.
///
/// The order in which weights came is given up with the first plan: plans seldom disagree, so a
/// layer's weights are in memory once.
struct PlannedWeights<Shape: Equatable> {
    private struct Planned {
        let shape: Shape
        let plan: ProductPlan
        let weights: Tensor<Float>
    }

    /// The weights as they came, until something made its own order of them.
    var plain: Tensor<Float>?
    private var planned: [Planned] = []

    /// Weights in PyTorch's order.
    init(_ weights: Tensor<Float>) { plain = weights }

    /// The plan for a shape and its weights, made now if it is new.
    mutating func plan(
        for shape: Shape, _ make: () -> ProductPlan
    ) -> (plan: ProductPlan, weights: Tensor<Float>) {
        if let known = planned.first(where: { $0.shape == shape }) {
            return (known.plan, known.weights)
        }
        let plan = make()
        let weights: Tensor<Float>
        if let plain {
            weights = plan.pack(plain, from: nil)
        } else if let same = planned.first(where: { plan.sharesWeights(with: $0.plan) }) {
            weights = same.weights
        } else {
            weights = plan.pack(planned[0].weights, from: planned[0].plan)
        }
        plain = nil
        planned.append(Planned(shape: shape, plan: plan, weights: weights))
        return (plan, weights)
    }
}
