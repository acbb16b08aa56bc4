import PareKit
