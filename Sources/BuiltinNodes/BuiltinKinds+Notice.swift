import NodeKit

extension BuiltinKinds {
    /// What a person has to know of a node's model before judging its pictures; nil where the model
    /// can do what its paper says.
    package static func notice(of kind: String, _ settings: Settings) -> String? {
        guard let spec = make(kind: kind)?.spec,
            spec.settings.contains(where: { $0.name == ModelSettings.model.spec.name }),
            settings[ifSet: ModelSettings.model] == "small",
            let weights = settings[ifSet: ModelSettings.weights], weights != "synthetic"
        else { return nil }
        return "\(weights) knows only faces that our renderer drew; photographs need the published "
            + "weights: 'personalive models pull personalive', then 'model: full' with its folder"
    }
}
